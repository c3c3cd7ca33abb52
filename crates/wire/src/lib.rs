//! Values that cannot grow, and the one encoding in which they pass between broker and worker.
//!
//! A frame is one [postcard](https://postcard.jamesmunns.com) value with exactly one valid encoding: [`decode`]
//! refuses trailing bytes and every non-minimal spelling. Message types hold no `Vec`, no `String` and no
//! recursion; [`MaxSize`] makes that a compile-time property, because only types with a largest size implement it.
//!
//! [`InterfaceName`], [`DomainName`] and [`HostAddr`] are here because several daemons, and readers of what they publish, must
//! agree on them.
//!
//! Start at [`decode`]. Never allocates in proportion to its input beyond the bound in the type.
//!
//! ```
//! use orlop_wire::{Bounded, decode, encode, max_size};
//!
//! let few: Bounded<u16, 3> = [1, 2].into_iter().collect();
//! let mut frame = [0; max_size::<Bounded<u16, 3>>()];
//! let bytes = encode(&few, &mut frame)?;
//! assert_eq!(decode::<Bounded<u16, 3>>(bytes)?, few);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod batch;
mod bounded;
mod codec;
mod discards;
mod domain_name;
mod host_addr;
mod interface_name;
mod numbers;
mod text;

pub use batch::Batch;
pub use bounded::Bounded;
pub use codec::{DecodeError, EncodeError, decode, encode, encoded_size, max_size};
pub use domain_name::{DomainName, NameError};
pub use host_addr::{HostAddr, NotAHost};
pub use interface_name::{InterfaceName, NotAnInterfaceName};
pub use numbers::OutOfRange;
pub use postcard::experimental::max_size::MaxSize;
pub use text::Str;
