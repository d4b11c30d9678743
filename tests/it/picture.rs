//! Pictures: metrics against independent numbers, previews that are decoded again.

mod metrics;
mod preview;
