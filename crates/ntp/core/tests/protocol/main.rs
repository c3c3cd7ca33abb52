//! The NTP core from outside: real packets in, actions out, and a world in virtual time around it.
#![allow(clippy::unwrap_used, reason = "a test that cannot build its input should stop there")]
#![allow(clippy::cast_possible_truncation, reason = "the world is made of floats, which are small here")]

mod accuracy;
mod answer;
mod crystal;
mod dialogue;
mod handover;
mod hardship;
mod hardware;
mod oracle;
mod place;
mod properties;
mod scene;
mod script;
mod secured;
mod seeds;
mod situations;
mod targets;
mod weather;
mod world;
