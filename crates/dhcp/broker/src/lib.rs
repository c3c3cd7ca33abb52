//! The privileged half of the DHCP client: command line, supervisor and broker.
#![forbid(unsafe_code)]

pub mod background;
pub mod client_id;
pub mod command_line;
pub mod config;
pub mod control;
pub mod dhcpcd;
pub mod encode;
pub mod filter;
pub mod hostname;
pub mod interfaces;
pub mod lease_file;
pub mod netlink;
pub mod publish;
pub mod resolv_conf;
pub mod selection;
pub mod serve;
pub mod settings;
pub mod status;
pub mod supervise;
pub mod transmit;
pub mod verbs;
pub mod verdict;

/// Lease files and status.
pub const OWN_FOLDER: &str = "/run/orlop/dhcp";
