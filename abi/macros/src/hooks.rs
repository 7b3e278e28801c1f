//! The exported symbols beside the two: each only where an option asks for it.

use proc_macro2::TokenStream;
use quote::quote;

use crate::options::{Options, SelfCheck};

/// All of them. Where they stand, `answer` is the function from a request's octets to an answer's.
pub(crate) fn exports(options: &Options) -> TokenStream {
    let symbols = [
        options.uses_host().then(|| init(options)),
        options.shakes_hands().then(|| handshake(options)),
        options.self_check.as_ref().map(self_check),
        options.cancel.as_ref().map(|hook| {
            quote! {
                #[unsafe(no_mangle)]
                extern "C" fn fezz_cancel_v1(call: u64, reason: u32) {
                    ::fezz::__private::quietly(|| {
                        ::fezz::__private::cancelled(call, reason, #hook)
                    })
                }
            }
        }),
        options.drain.as_ref().map(|hook| {
            quote! {
                #[unsafe(no_mangle)]
                extern "C" fn fezz_drain_v1(deadline_ns: u64) -> i32 {
                    ::fezz::__private::drain(|| {
                        #hook(::core::time::Duration::from_nanos(deadline_ns))
                    })
                }
            }
        }),
        options.fini.as_ref().map(|hook| {
            quote! {
                #[unsafe(no_mangle)]
                extern "C" fn fezz_fini_v1() {
                    ::fezz::__private::quietly(|| #hook())
                }
            }
        }),
    ];
    let symbols = symbols.iter().flatten();
    quote! { #(#symbols)* }
}

fn init(options: &Options) -> TokenStream {
    let start = match &options.init {
        Some(hook) => quote! { |octets| ::fezz::__private::start(octets, #hook) },
        None => quote! { |_| ::core::result::Result::Ok(()) },
    };
    quote! {
        #[unsafe(no_mangle)]
        extern "C" fn fezz_init_v1(
            host: *const ::fezz::__private::FezzHostV1,
            settings: ::fezz::__private::FezzSlice,
        ) -> i32 {
            // SAFETY: called by the host, with its table and settings lent for this call.
            unsafe { ::fezz::__private::init(host, settings, #start) }
        }
    }
}

fn handshake(options: &Options) -> TokenStream {
    let capabilities = options.capabilities.iter().flatten();
    let nullable = |value: Option<TokenStream>| match value {
        Some(value) => quote! { ::core::option::Option::Some(#value) },
        None => quote! { ::core::option::Option::None },
    };
    let fallback = nullable(options.fallback.as_ref().map(|word| quote! { #word }));
    let ttl_ms = nullable(options.ttl_ms.map(|ms| quote! { #ms }));
    quote! {
        #[unsafe(no_mangle)]
        extern "C" fn fezz_handshake_v1(
            offer: ::fezz::__private::FezzSlice,
        ) -> ::fezz::__private::FezzOwned {
            // SAFETY: called by the host, which lends the offer for this call.
            unsafe {
                ::fezz::__private::envelope(offer, |octets| {
                    ::fezz::__private::handshake(octets, &[#(#capabilities),*], #fallback, #ttl_ms)
                })
            }
        }
    }
}

fn self_check(check: &SelfCheck) -> TokenStream {
    let hook = match check {
        SelfCheck::Samples => quote! { |_| () },
        SelfCheck::Hook(hook) => quote! { #hook },
    };
    quote! {
        #[unsafe(no_mangle)]
        extern "C" fn fezz_selfcheck_v1(
            spec: ::fezz::__private::FezzSlice,
        ) -> ::fezz::__private::FezzOwned {
            // SAFETY: called by the host, which lends the specification for this call.
            unsafe {
                ::fezz::__private::envelope(spec, |octets| {
                    ::fezz::__private::self_check(octets, answer, #hook)
                })
            }
        }
    }
}
