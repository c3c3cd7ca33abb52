//! The conversation with a server: TLS 1.3 over a granted socket, and in it one request and one response.

use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use orlop_ntp_contract::{Dates, Host, KeyFailure, Secret, Utc};
use orlop_ntp_core::nts::record::{ALPN, EXPORTER, Response, exporter_context, request};
use orlop_sandbox::connection::Connection;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{AlertDescription, CertificateError, ClientConfig, ClientConnection, Error, RootCertStore};

use super::dates::{Checked, Dated};

/// Bytes of TLS that are heard of one server: a chain of long certificates has less than a third of it.
const MAX_HEARD: usize = 32 << 10;

/// Bytes that are taken from the socket at a time.
const AT_A_TIME: usize = 4096;

/// A conversation that goes on.
pub(super) struct Conversation {
    connection: Connection,
    tls: ClientConnection,
    checked: Checked,
    unsent: Vec<u8>,
    /// Something could be sent: the server is there.
    is_there: bool,
    heard: usize,
    is_asked: bool,
    response: Vec<u8>,
}

/// What it has yielded.
pub(super) struct Yield {
    pub(super) response: Response,
    pub(super) checked: Utc,
    pub(super) c2s: Secret,
    pub(super) s2c: Secret,
}

impl Conversation {
    /// With the server at the other end of `socket`, which has to be `host`. Must be called inside a tokio runtime.
    pub(super) fn new(socket: OwnedFd, host: &Host, dates: Dates, roots: RootCertStore) -> Result<Self, KeyFailure> {
        let connection = Connection::from_fd(socket).map_err(|_| KeyFailure::Unreachable)?;
        let checked = Checked::default();
        let tls = ClientConnection::new(config(dates, roots, checked.clone())?, name(host)?);
        let tls = tls.map_err(|_| KeyFailure::Tls)?;
        Ok(Self {
            connection,
            tls,
            checked,
            unsent: Vec::new(),
            is_there: false,
            heard: 0,
            is_asked: false,
            response: Vec::new(),
        })
    }

    /// Goes on as far as the server lets it.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Yield, KeyFailure>> {
        loop {
            match self.turn(context) {
                Poll::Ready(Ok(None)) => {}
                Poll::Ready(Ok(Some(yielded))) => {
                    // Good manners, if there is room for them.
                    self.tls.send_close_notify();
                    let _gone = self.send(context);
                    return Poll::Ready(Ok(yielded));
                }
                Poll::Ready(Err(failure)) => {
                    // TLS has an alert for the server.
                    let _gone = self.send(context);
                    return Poll::Ready(Err(failure));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn turn(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Yield>, KeyFailure>> {
        self.send(context)?;
        let mut buffer = [0; AT_A_TIME];
        let length = match ready!(self.connection.poll_recv(context, &mut buffer)) {
            Ok(0) => return Poll::Ready(Err(KeyFailure::HungUp)),
            Ok(length) => length,
            Err(_) => return Poll::Ready(Err(self.broken())),
        };
        self.heard = self.heard.saturating_add(length);
        if self.heard > MAX_HEARD {
            return Poll::Ready(Err(KeyFailure::TooLong));
        }
        self.hear(buffer.get(..length).unwrap_or_default())?;
        if !self.is_asked && !self.tls.is_handshaking() {
            self.is_asked = true;
            if self.tls.alpn_protocol() != Some(ALPN) {
                return Poll::Ready(Err(KeyFailure::Alpn));
            }
            self.tls.writer().write_all(&request()).map_err(|_| KeyFailure::Tls)?;
        }
        Poll::Ready(match Response::read(&self.response)? {
            Some(response) => self.yielded(response).map(Some),
            None => Ok(None),
        })
    }

    /// Sends what TLS has to say, as far as there is room.
    fn send(&mut self, context: &mut Context<'_>) -> Result<(), KeyFailure> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.unsent).map_err(|_| KeyFailure::Tls)?;
        }
        while !self.unsent.is_empty() {
            match self.connection.poll_send(context, &self.unsent) {
                Poll::Ready(Ok(sent)) => {
                    self.is_there = true;
                    drop(self.unsent.drain(..sent.min(self.unsent.len())));
                }
                Poll::Ready(Err(_)) => return Err(self.broken()),
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    fn hear(&mut self, mut bytes: &[u8]) -> Result<(), KeyFailure> {
        while !bytes.is_empty() {
            if self.tls.read_tls(&mut bytes).map_err(|_| KeyFailure::TooLong)? == 0 {
                // The server has ended TLS: what follows is not read.
                break;
            }
            let state = self.tls.process_new_packets().map_err(|error| failure(&error))?;
            let plain = u64::try_from(state.plaintext_bytes_to_read()).unwrap_or(u64::MAX);
            // It never waits: no more is asked for than is there.
            self.tls.reader().take(plain).read_to_end(&mut self.response).map_err(|_| KeyFailure::Tls)?;
        }
        Ok(())
    }

    fn yielded(&self, response: Response) -> Result<Yield, KeyFailure> {
        let key = |to_server| {
            let exported = self.tls.export_keying_material([0; 32], EXPORTER, Some(&exporter_context(to_server)));
            exported.map(Secret::new).map_err(|_| KeyFailure::Tls)
        };
        let checked = self.checked.get().ok_or(KeyFailure::Certificate)?;
        Ok(Yield { response, checked, c2s: key(true)?, s2c: key(false)? })
    }

    /// The socket is of no use: either nobody is there, or whoever was has had enough.
    fn broken(&self) -> KeyFailure {
        if self.is_there { KeyFailure::HungUp } else { KeyFailure::Unreachable }
    }
}

/// TLS 1.3 alone, without a memory of earlier conversations.
fn config(dates: Dates, roots: RootCertStore, checked: Checked) -> Result<Arc<ClientConfig>, KeyFailure> {
    let provider = Arc::new(ring::default_provider());
    let checker = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let checker = checker.build().map_err(|_| KeyFailure::NoRoots)?;
    let builder = ClientConfig::builder_with_details(provider, Arc::new(NoClock));
    let builder = builder.with_protocol_versions(&[&TLS13]).map_err(|_| KeyFailure::Tls)?;
    let verifier = Arc::new(Dated::new(checker, dates, checked));
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// What TLS is told of the time: [`Dated`] does not listen.
#[derive(Debug)]
struct NoClock;

impl TimeProvider for NoClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(core::time::Duration::ZERO))
    }
}

fn name(host: &Host) -> Result<ServerName<'static>, KeyFailure> {
    match host {
        Host::Name(name) => ServerName::try_from(name.as_str().to_owned()).map_err(|_| KeyFailure::Name),
        Host::Address(address) => Ok(address.get().into()),
    }
}

/// Which failure an error of TLS is.
#[allow(clippy::wildcard_enum_match_arm, reason = "errors of a library: most of them are the same to us")]
fn failure(error: &Error) -> KeyFailure {
    match error {
        Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::UnknownIssuer => KeyFailure::Issuer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => KeyFailure::Name,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => KeyFailure::NotYetValid,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => KeyFailure::Expired,
            _ => KeyFailure::Certificate,
        },
        Error::NoApplicationProtocol | Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            KeyFailure::Alpn
        }
        _ => KeyFailure::Tls,
    }
}
