//! The sandbox under attack.
//!
//! Every attack of [`attack`] runs in a process of its own, after that process has locked itself up as its [`target`] does
//! ([`attacker`]): a daemon's worker, or an applier of its broker. That happens in namespaces where nothing can be harmed ([`arena`]). The same attack runs without a sandbox first: only
//! where that *succeeds* does the row count, because only then does its failure prove anything. Then every layer and every
//! pin is taken away in turn ([`mutation`]): each must let something through, or it is not tested.
//!
//! Beside the attacks stand two questions to the kernel on which the sysctl daemon's design rests: [`settings`] and [`evicted`].
//!
//! Start reading at [`attack`], then [`table`]. Attack code is in this package only; no daemon depends on it.

pub mod arena;
pub mod attack;
pub mod attacker;
mod broker;
pub mod column;
pub mod command;
pub mod evicted;
pub mod filter;
pub mod listener;
pub mod minimality;
pub mod mutation;
pub mod payload;
mod posture;
pub mod power;
pub mod scene;
pub mod settings;
pub mod syscall;
pub mod table;
pub mod target;
pub mod workload;
