//! Who asks: datagrams and connections of the programs of this machine.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use orlop_lookup_core::stream::Stream as Framing;
use orlop_machine::Instant;
use orlop_resolver_contract::{Listener, MAX_CLIENT_STREAMS, OrderId};
use orlop_resolver_core::resolver::{Asker, ClientId};
use orlop_sandbox::connection::Connection;
use orlop_sandbox::listener::{Accepting, Answering};

use crate::upstreams::framed;
use crate::wakes::Wakes;

/// The listeners, the connections, and who waits for an answer.
pub(crate) struct Clients {
    udp: Vec<Answering>,
    tcp: Vec<Accepting>,
    streams: BTreeMap<u32, Stream>,
    wakes: Wakes<u32>,
    waiting: BTreeMap<ClientId, Whence>,
    next_client: u32,
    next_stream: u32,
    buffer: Box<[u8]>,
}

/// Where an answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whence {
    /// Through this listener to this address.
    Udp(usize, SocketAddr),
    /// Through this connection.
    Tcp(u32),
    /// To the operator, who has asked then.
    Order(OrderId, Instant),
}

/// A connection.
struct Stream {
    connection: Connection,
    waker: Waker,
    port: u16,
    heard: Framing,
    unsent: Vec<u8>,
    /// Questions whose answers are not there yet.
    open: usize,
    /// When something was heard from it, or said to it.
    active: Instant,
}

/// How long a connection may be silent (RFC 7766 section 6.2.3: a few seconds).
const IDLE: Duration = Duration::from_secs(10);

/// A client whose answers lie unread, or that has so many questions open, is not heard any more until it reads.
const MAX_UNSENT: usize = 256 << 10;
const MAX_OPEN: usize = 64;

/// Datagrams, or connections, that are taken from a listener before all else is looked at again.
const IN_A_ROW: usize = 32;

/// The longest answer that is sent in a datagram: none that its client did not ask for, and the machine's own device has room
/// for many times more.
const UDP_LIMIT: u16 = 4096;

/// No question is longer: a name, and options.
const MAX_QUESTION: usize = 4096;

impl Clients {
    pub(crate) fn new() -> Self {
        Self {
            udp: Vec::new(),
            tcp: Vec::new(),
            streams: BTreeMap::new(),
            wakes: Wakes::new(),
            waiting: BTreeMap::new(),
            next_client: 0,
            next_stream: 0,
            buffer: vec![0; MAX_QUESTION + 1].into(),
        }
    }

    /// Takes a granted listener.
    pub(crate) fn listen(&mut self, kind: Listener, fd: OwnedFd) -> io::Result<()> {
        match kind {
            Listener::Udp => self.udp.push(Answering::from_fd(fd)?),
            Listener::Tcp => self.tcp.push(Accepting::from_fd(fd)?),
        }
        Ok(())
    }

    /// By what the next question is called.
    pub(crate) fn next(&self) -> ClientId {
        ClientId(self.next_client)
    }

    /// The question of that name waits for its answer.
    pub(crate) fn wait(&mut self, whence: Whence) {
        self.waiting.insert(self.next(), whence);
        self.next_client = self.next_client.wrapping_add(1);
        if let Whence::Tcp(id) = whence
            && let Some(stream) = self.streams.get_mut(&id)
        {
            stream.open += 1;
        }
    }

    /// Who waits for the answer to this question, which waits no longer.
    pub(crate) fn done(&mut self, client: ClientId) -> Option<Whence> {
        let whence = self.waiting.remove(&client)?;
        if let Whence::Tcp(id) = whence
            && let Some(stream) = self.streams.get_mut(&id)
        {
            stream.open = stream.open.saturating_sub(1);
            self.wakes.again(id);
        }
        Some(whence)
    }

    /// Sends an answer. What there is no room for is lost, as it may be on any way.
    pub(crate) fn answer(&mut self, now: Instant, whence: Whence, message: &[u8]) {
        match whence {
            Whence::Udp(listener, to) => {
                if let Some(listener) = self.udp.get(listener) {
                    let _lost = listener.try_send_to(to, message);
                }
            }
            Whence::Tcp(id) => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.unsent.extend(framed(message));
                    stream.active = now;
                    self.wakes.again(id);
                }
            }
            Whence::Order(..) => {}
        }
    }

    /// When the next silent connection is closed.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.streams.values().map(|stream| stream.active.after(IDLE)).min()
    }

    /// Closes the connections that were silent for too long, and for which nothing is under way.
    pub(crate) fn close_idle(&mut self, now: Instant) {
        self.streams.retain(|_, stream| {
            if stream.open > 0 {
                stream.active = now;
            }
            now.since(stream.active) < IDLE
        });
    }

    /// Hears questions. Pending when there are none.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        now: Instant,
        mut asked: impl FnMut(&mut Self, Whence, Asker, &[u8]),
    ) -> Poll<()> {
        let mut any = Poll::Pending;
        // Lent for as long as what is in it is looked at.
        let mut buffer = std::mem::take(&mut self.buffer);
        for at in 0..self.udp.len() {
            for _ in 0..IN_A_ROW {
                let Some(Poll::Ready(received)) =
                    self.udp.get(at).map(|listener| listener.poll_recv(context, &mut buffer))
                else {
                    break;
                };
                any = Poll::Ready(());
                // An error is about an answer to a client that has gone.
                let Ok((length, from)) = received else { continue };
                let asker = Asker { client: self.next(), port: from.port(), udp_limit: Some(UDP_LIMIT) };
                if let Some(question) = buffer.get(..length).filter(|question| question.len() <= MAX_QUESTION) {
                    asked(self, Whence::Udp(at, from), asker, question);
                }
            }
        }
        if self.poll_accept(context, now).is_ready() {
            any = Poll::Ready(());
        }
        for id in self.wakes.take(context) {
            any = Poll::Ready(());
            self.poll_stream(id, now, &mut buffer, &mut asked);
        }
        self.buffer = buffer;
        any
    }

    fn poll_accept(&mut self, context: &mut Context<'_>, now: Instant) -> Poll<()> {
        let mut any = Poll::Pending;
        for listener in &self.tcp {
            for _ in 0..IN_A_ROW {
                let Poll::Ready(accepted) = listener.poll_accept(context) else { break };
                any = Poll::Ready(());
                let Ok((connection, from)) = accepted else { break };
                if self.streams.len() >= MAX_CLIENT_STREAMS {
                    let silent = self.streams.iter().min_by_key(|(_, stream)| stream.active).map(|(id, _)| *id);
                    silent.map(|id| self.streams.remove(&id));
                }
                let id = self.next_stream;
                self.next_stream = id.wrapping_add(1);
                let waker = self.wakes.waker(id);
                let (heard, unsent) = (Framing::default(), Vec::new());
                let stream = Stream { connection, waker, port: from.port(), heard, unsent, open: 0, active: now };
                self.streams.insert(id, stream);
            }
        }
        any
    }

    fn poll_stream(
        &mut self,
        id: u32,
        now: Instant,
        buffer: &mut [u8],
        asked: &mut impl FnMut(&mut Self, Whence, Asker, &[u8]),
    ) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let port = stream.port;
        match stream.poll(now, buffer) {
            Ok(questions) => {
                for question in questions {
                    let asker = Asker { client: self.next(), port, udp_limit: None };
                    asked(self, Whence::Tcp(id), asker, &question);
                }
            }
            Err(_) => drop(self.streams.remove(&id)),
        }
    }
}

impl Stream {
    /// Sends what there is room for, and gives the questions that have come. An error is the end of the connection.
    fn poll(&mut self, now: Instant, buffer: &mut [u8]) -> io::Result<Vec<Vec<u8>>> {
        let context = &mut Context::from_waker(&self.waker);
        while !self.unsent.is_empty() {
            match self.connection.poll_send(context, &self.unsent) {
                Poll::Ready(sent) => {
                    let sent = sent?;
                    self.unsent.drain(..sent.min(self.unsent.len()));
                    self.active = now;
                }
                Poll::Pending => break,
            }
        }
        let mut questions = Vec::new();
        while self.unsent.len() < MAX_UNSENT && self.open + questions.len() < MAX_OPEN {
            let Poll::Ready(received) = self.connection.poll_recv(context, buffer) else { break };
            match received? {
                // It may still wait for answers (RFC 7766 section 6.2.4).
                0 if self.open > 0 || !self.unsent.is_empty() || !questions.is_empty() => break,
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => {
                    self.active = now;
                    questions.extend(self.heard.push(buffer.get(..length).unwrap_or_default()));
                }
            }
        }
        Ok(questions)
    }
}
