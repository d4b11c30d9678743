//! What right recipes come to: effective shares, by hand from the language page.
