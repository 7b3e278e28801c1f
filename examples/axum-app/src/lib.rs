//! Example function: axum-app.
