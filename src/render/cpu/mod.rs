//! The engine of processors.
