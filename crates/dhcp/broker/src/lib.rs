//! The privileged half of the DHCP client: command line, supervisor and broker.
#![forbid(unsafe_code)]

pub mod client_id;
pub mod config;
pub mod encode;
pub mod filter;
pub mod interface_name;
pub mod interfaces;
pub mod netlink;
pub mod selection;
pub mod transmit;
pub mod command_line;
pub mod control;
pub mod dhcpcd_compat;
pub mod settings;
pub mod lease_file;
pub mod whole_file;
pub mod hostname;
pub mod publish;
pub mod resolv_conf;
