//! The exported symbols, generated around a function that stays as it was written.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, ItemFn, Result};

use crate::hooks;
use crate::options::Options;

/// The item followed by its exports, or by the reason why it has none.
pub(crate) fn expand(
    options: &Options,
    item: &ItemFn,
    checked: Result<()>,
    call: impl FnOnce(&TokenStream, &Ident) -> TokenStream,
) -> TokenStream {
    let serve = if options.uses_host() {
        quote! { ::fezz::__private::serve_in_call }
    } else {
        quote! { ::fezz::__private::serve }
    };
    let exports = match checked {
        Ok(()) => exports(options, &call(&serve, &item.sig.ident)),
        Err(error) => error.into_compile_error(),
    };
    quote! { #item #exports }
}

/// An expression from `octets` to the octets of the answer, by a function.
pub(crate) fn call_function(serve: &TokenStream, name: &Ident) -> TokenStream {
    quote! { #serve(octets, #name) }
}

/// The same, by a router.
pub(crate) fn call_app(serve: &TokenStream, name: &Ident) -> TokenStream {
    quote! {{
        static APP: ::fezz::__private::App = ::fezz::__private::App::new();
        #serve(octets, |request| APP.serve(request, #name))
    }}
}

fn exports(options: &Options, call: &TokenStream) -> TokenStream {
    let identity = identity(options);
    let more = hooks::exports(options);
    // Spans of the call site make this code of another crate: no lint of the author's sees it.
    quote! {
        const _: () = {
            #[cfg(panic = "abort")]
            ::core::compile_error!(
                "a Fezz function needs unwinding: with `panic = \"abort\"` one panic would end the \
                 whole server. Remove `panic = \"abort\"` from the profile."
            );

            #[inline]
            fn answer(octets: &[u8]) -> ::std::vec::Vec<u8> {
                #call
            }

            #[unsafe(no_mangle)]
            extern "C" fn fezz_handle_v2(
                request: ::fezz::__private::FezzSlice,
            ) -> ::fezz::__private::FezzOwned {
                // SAFETY: called by the host, which lends the request for this call.
                unsafe { ::fezz::__private::handle(request, answer) }
            }

            #[unsafe(no_mangle)]
            extern "C" fn fezz_free_v2(buf: ::fezz::__private::FezzOwned) {
                // SAFETY: called by the host, once for each answer of `fezz_handle_v2`.
                unsafe { ::fezz::__private::free(buf) }
            }

            #[unsafe(no_mangle)]
            static fezz_identity_v1: ::fezz::__private::FezzIdentityV1 = #identity;

            #more
        };
    }
}

fn identity(options: &Options) -> TokenStream {
    let name = options
        .name
        .as_ref()
        .map_or_else(|| quote! { ::core::env!("CARGO_CRATE_NAME") }, |name| quote! { #name });
    let version = options.version.as_ref().map_or_else(
        || quote! { ::core::env!("CARGO_PKG_VERSION") },
        |version| quote! { #version },
    );
    let flags = if options.inline {
        quote! { ::fezz::__private::FLAG_INLINE_OK }
    } else {
        quote! { 0 }
    };
    let calls = options.max_concurrency.unwrap_or(0);
    quote! {
        ::fezz::__private::FezzIdentityV1::describe(
            #name,
            #version,
            ::fezz::__private::SDK,
            match ::core::option_env!("FEZZ_BUILD_ID") {
                ::core::option::Option::Some(id) => id,
                ::core::option::Option::None => "",
            },
        )
        .with_flags(#flags)
        .with_max_concurrency(#calls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    /// Names of what an attribute with these options exports, in order.
    fn exported(options: &str) -> Vec<String> {
        let options: Options = syn::parse_str(options).unwrap();
        let item = parse_quote! { fn f(r: Request) -> Response { x } };
        let text = expand(&options, &item, Ok(()), call_function).to_string();
        let mut names: Vec<_> = text
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| word.starts_with("fezz_"))
            .map(str::to_owned)
            .collect();
        names.dedup();
        assert_eq!(names.len(), text.matches("unsafe (no_mangle)").count());
        names
    }

    #[test]
    fn nothing_is_exported_that_no_option_asks_for() {
        const ALWAYS: [&str; 3] = ["fezz_handle_v2", "fezz_free_v2", "fezz_identity_v1"];
        for (options, more) in [
            ("", &[][..]),
            ("inline, max_concurrency = 1, name = \"x\", version = \"1\"", &[]),
            ("host", &["fezz_init_v1"]),
            ("ttl = \"1h\"", &["fezz_handshake_v1"]),
            ("selfcheck", &["fezz_selfcheck_v1"]),
            ("cancel = c", &["fezz_init_v1", "fezz_cancel_v1"]),
            ("drain = d, fini = f", &["fezz_drain_v1", "fezz_fini_v1"]),
        ] {
            assert_eq!(exported(options), [&ALWAYS[..], more].concat(), "{options}");
        }
    }
}
