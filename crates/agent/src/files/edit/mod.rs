//! Parts of files that others own: the rest is kept byte by byte.

pub mod block;
pub mod ini;
pub mod line;
