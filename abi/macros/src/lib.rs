//! The attributes of the Fezz SDK.
