//! A server for key exchanges that does what a test wants, in TLS or instead of it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use orlop_testbed::Host;
use orlop_testbed::background::{Background, Life, STOP_EVERY};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::authority::Identity;

/// What it does with whoever connects.
#[derive(Debug, Clone)]
pub enum Manner {
    /// Nothing.
    Silent,
    /// It says this instead of TLS, again and again.
    Raw(Vec<u8>),
    /// It hangs up.
    HangsUp,
    /// It says this in TLS, once it was asked, and nothing more.
    Says(Vec<u8>),
    /// It says a byte of this every 100 ms, in TLS, and then again.
    Drips(Vec<u8>),
    /// It says this in TLS again and again.
    Floods(Vec<u8>),
    /// It ends TLS, says this every 100 ms for a second all the same, and hangs up.
    SpeaksOn(Vec<u8>),
}

/// The running server; it ends when dropped.
pub struct KeyServer {
    _thread: Background,
}

impl KeyServer {
    /// Starts one on the loopback of a host, which speaks of `protocols` (ALPN).
    ///
    /// # Errors
    /// When the port cannot be had.
    pub fn on(host: &Host, port: u16, identity: &Identity, protocols: &[&[u8]], manner: Manner) -> Result<Self> {
        let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes())?;
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_protocol_versions(&[&rustls::version::TLS13])?.with_no_client_auth();
        let mut config = config.with_single_cert(vec![certificate], key)?;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let config = Arc::new(config);
        let thread = Background::start(host, "the key server", move |life| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
            listener.set_nonblocking(true)?;
            life.ready()?;
            while life.goes_on() {
                match listener.accept() {
                    // Whoever has connected may have hung up.
                    Ok((stream, _)) => drop(serve(stream, &config, &manner, life)),
                    Err(_) => std::thread::sleep(STOP_EVERY),
                }
            }
            Ok(())
        })?;
        Ok(Self { _thread: thread })
    }
}

fn serve(mut stream: TcpStream, config: &Arc<ServerConfig>, manner: &Manner, life: &Life) -> Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    match manner {
        Manner::Silent => return wait(&mut stream, life),
        Manner::HangsUp => return Ok(()),
        Manner::Raw(bytes) => {
            while life.goes_on() {
                stream.write_all(bytes)?;
            }
            return Ok(());
        }
        Manner::Says(_) | Manner::Drips(_) | Manner::Floods(_) | Manner::SpeaksOn(_) => {}
    }
    let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(config))?, stream);
    let mut request = [0; 1024];
    if tls.read(&mut request)? == 0 {
        return Ok(());
    }
    match manner {
        Manner::Says(bytes) => tls.write_all(bytes)?,
        Manner::Drips(bytes) => {
            for byte in bytes.iter().cycle() {
                tls.write_all(&[*byte])?;
                std::thread::sleep(Duration::from_millis(100));
                if !life.goes_on() {
                    break;
                }
            }
        }
        Manner::Floods(bytes) => {
            while life.goes_on() {
                tls.write_all(bytes)?;
            }
        }
        Manner::SpeaksOn(bytes) => {
            tls.conn.send_close_notify();
            tls.flush()?;
            for _ in 0..10 {
                std::thread::sleep(Duration::from_millis(100));
                tls.sock.write_all(bytes)?;
            }
            return Ok(());
        }
        Manner::Silent | Manner::Raw(_) | Manner::HangsUp => {}
    }
    tls.flush()?;
    wait(&mut tls.sock, life)
}

/// Until the other end has hung up.
fn wait(stream: &mut TcpStream, life: &Life) -> Result<()> {
    let mut room = [0; 1024];
    while life.goes_on() {
        match stream.read(&mut room) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A record of a key exchange (RFC 8915 section 4).
#[must_use]
pub fn record(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    [&kind.to_be_bytes()[..], &length.to_be_bytes(), body].concat()
}

/// A whole response, with these records in its middle: NTPv4, the one algorithm, and eight cookies that no server can read.
#[must_use]
pub fn response(more: &[u8]) -> Vec<u8> {
    let cookies = record(5, &[7; 100]).repeat(8);
    [&record(0x8001, &[0, 0])[..], &record(0x8004, &[0, 15]), more, &cookies, &record(0x8000, &[])].concat()
}
