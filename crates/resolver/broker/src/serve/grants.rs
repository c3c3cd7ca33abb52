//! What the worker gets: messages, and sockets that are opened in the moment in which they are handed over.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use orlop_resolver_contract::{Listener, Notice, SocketCount, StreamId, UpstreamId};
use orlop_sandbox::channel::{BrokerChannel, ChannelError};
use orlop_sandbox::connection::open_connecting_on;
use orlop_sandbox::datagram::open_timeless;
use tracing::debug;

use crate::servers::Chosen;

/// What is to be handed over, in order. A worker that does not read cannot stop its broker.
#[derive(Debug, Default)]
pub(super) struct Outbox(VecDeque<Item>);

#[derive(Debug)]
enum Item {
    Notice(Notice),
    /// The listener in this place.
    Listener(usize),
    Pool(UpstreamId, SocketCount),
    Stream(UpstreamId, StreamId),
}

/// Items that wait, at most: an honest worker reads thousands each second.
const MAX_WAITING: usize = 1024;

impl Outbox {
    /// Nothing is to be handed over any more: the worker that it was for is gone.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.0.push_back(Item::Notice(notice));
    }

    pub(super) fn listener(&mut self, at: usize) {
        self.0.push_back(Item::Listener(at));
    }

    pub(super) fn pool(&mut self, upstream: UpstreamId, count: SocketCount) {
        self.0.push_back(Item::Pool(upstream, count));
    }

    pub(super) fn stream(&mut self, upstream: UpstreamId, stream: StreamId) {
        self.0.push_back(Item::Stream(upstream, stream));
    }

    /// Whether something waits until the worker reads.
    pub(super) fn is_waiting(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether so much waits that the worker cannot be well.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() > MAX_WAITING
    }

    /// Hands over what there is room for.
    pub(super) fn flush(
        &mut self,
        channel: &BrokerChannel<Notice, orlop_resolver_contract::Request>,
        listeners: &[(Listener, OwnedFd)],
        chosen: &Chosen,
    ) {
        while let Some(item) = self.0.front() {
            let sent = match item {
                Item::Notice(notice) => channel.try_send(notice),
                Item::Listener(at) => match listeners.get(*at) {
                    Some((kind, listener)) => channel.send_with(&Notice::Listener(*kind), listener.as_fd()),
                    None => Ok(()),
                },
                Item::Pool(upstream, count) => {
                    let sockets = open(chosen, *upstream, count.get());
                    let granted = u8::try_from(sockets.len()).ok().and_then(SocketCount::new);
                    match granted {
                        Some(granted) => {
                            let fds: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
                            channel.send_bundle(&Notice::Pool { upstream: *upstream, sockets: granted }, &fds)
                        }
                        None => channel.try_send(&Notice::NoPool { upstream: *upstream }),
                    }
                }
                Item::Stream(upstream, stream) => {
                    let (upstream, stream) = (*upstream, *stream);
                    let peer = address(chosen, upstream).ok_or(io::ErrorKind::NotFound.into());
                    match peer.and_then(|peer| open_connecting_on(peer, chosen.device(upstream))) {
                        Ok(socket) => channel.send_with(&Notice::Stream { upstream, stream }, socket.as_fd()),
                        Err(cause) => {
                            debug!(%cause, "no way to a server");
                            channel.try_send(&Notice::NoStream { upstream, stream })
                        }
                    }
                }
            };
            match sent {
                Ok(()) => drop(self.0.pop_front()),
                Err(ChannelError::Full) => return,
                // That it is gone is heard where it is listened to.
                Err(cause) => {
                    debug!(%cause, "the worker does not hear");
                    self.0.clear();
                }
            }
        }
    }
}

fn address(chosen: &Chosen, id: UpstreamId) -> Option<SocketAddr> {
    chosen.upstreams.of(id).map(|upstream| upstream.server.socket_addr())
}

/// As many sockets as can be had, each from a port of its own.
fn open(chosen: &Chosen, upstream: UpstreamId, count: usize) -> Vec<OwnedFd> {
    let Some(addr) = address(chosen, upstream) else { return Vec::new() };
    let device = chosen.device(upstream);
    let mut sockets = Vec::with_capacity(count);
    for _ in 0..count {
        match open_timeless(addr, device) {
            Ok(socket) => sockets.push(socket),
            Err(cause) => {
                debug!(%addr, device, %cause, "no way to a server");
                break;
            }
        }
    }
    sockets
}
