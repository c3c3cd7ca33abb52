//! sysctl.d text to a plan.
#![forbid(unsafe_code)]
