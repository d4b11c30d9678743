//! The laws of the language, end to end, over small models that the tests write themselves.

pub mod model;
