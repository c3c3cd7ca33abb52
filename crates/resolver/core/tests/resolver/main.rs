//! The core from outside: what clients send, what upstreams answer, and what becomes of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot build its input should stop there")]

mod clients;
mod decoded;
mod explaining;
mod failover;
mod forgery;
mod keeping;
mod message;
mod prefetching;
mod properties;
mod rebinding;
mod replies;
mod routing;
mod script;
mod seeds;
mod sockets;
mod targets;
mod world;
