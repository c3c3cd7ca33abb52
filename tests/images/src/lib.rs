//! The images under the tools and runtimes that people use, with the daemon at work in a network of the test.
//!
//! [`Stage`] has a client host, a server host and an image; [`Engine`] starts the image with exactly what its own label
//! grants, read from the image. The container joins the client host's network and UTS namespace, which are "the host" that
//! the label means. Left out, with the reason, in [`NOT_HERE`].
#![forbid(unsafe_code)]

mod bundle;
mod engine;
mod stage;

pub use bundle::{Grants, config};
pub use engine::{Container, Engine};
pub use stage::Stage;

/// Runtimes that are not tested here, and why.
pub const NOT_HERE: &[(&str, &str)] = &[
    ("youki", "is in no Debian package; building it takes minutes"),
    (
        "docker",
        "its daemon wants the machine's own firewall and bridge; it runs images by containerd and runc, which are tested",
    ),
    (
        "linuxkit cache import",
        "its tool is in no Debian package; the annotations that it asks for are tested by orlop-image",
    ),
];
