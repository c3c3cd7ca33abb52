//! Being `dhcpcd`: its command line and its `dhcpcd.conf`, understood as far as LinuxKit and its users write them.
//!
//! Both say the same things in two forms, so an option becomes the [`Directive`] that a file would have. What has no
//! meaning here is named in one warning with its line, and ignored: a machine must not lose its network over a line
//! that another program understood. Only an unknown *option* is an error, as it is for dhcpcd itself.
//!
//! Where dhcpcd and Orlop differ on purpose: a one-shot run ends by a deadline (`timeout`, else 10 s), interface
//! configuration always persists, and nothing is ever handed to a shell.

pub mod command_line;
pub mod conf;
mod directive;
mod draft;
mod option;

pub use directive::Directive;

#[cfg(test)]
mod tests;
