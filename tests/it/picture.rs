//! Pictures: metrics against independent numbers.

mod metrics;
