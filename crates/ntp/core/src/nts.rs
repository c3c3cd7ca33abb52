//! NTS for NTP (RFC 8915): records of a key exchange ([`record`]), extension fields that protect a question and its answer
//! ([`field`]), and what is kept for one source ([`session`]).
//!
//! The one algorithm is `AEAD_AES_SIV_CMAC_256` (number 15), which every server must have. `AES-128-GCM-SIV` (30) is left out:
//! chrony's releases disagree on how its keys are exported, and no server does without 15.

pub mod field;
pub mod record;
pub(crate) mod session;
