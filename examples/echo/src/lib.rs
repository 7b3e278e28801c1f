//! Example function: echo.
