//! Is this function one that can be exported? Each refusal points at the token that is in the way.

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::{Error, FnArg, GenericParam, ItemFn, Result, ReturnType, Signature};

/// Checks a function from a request to a response.
pub(crate) fn function(item: &ItemFn) -> Result<()> {
    const SHAPE: &str = "`fn name(request: fezz::Request) -> fezz::Response`";
    common(
        &item.sig,
        SHAPE,
        "a Fezz function is called and returns; for asynchronous code use \
        `#[fezz::app]` with an axum router",
    )?;
    let inputs = &item.sig.inputs;
    match (inputs.first(), inputs.len()) {
        (Some(FnArg::Typed(_)), 1) => Ok(()),
        (Some(FnArg::Receiver(receiver)), _) => {
            Err(Error::new(receiver.span(), format!("a Fezz function has no `self`: {SHAPE}")))
        }
        (None, _) => Err(Error::new(
            item.sig.paren_token.span.join(),
            format!("a Fezz function takes the request: {SHAPE}"),
        )),
        (Some(_), _) => {
            let second = inputs.iter().nth(1).map_or_else(Span::call_site, FnArg::span);
            Err(Error::new(
                second,
                format!("a Fezz function takes nothing but the request: {SHAPE}"),
            ))
        }
    }
}

/// Checks a function that builds a router.
pub(crate) fn app(item: &ItemFn) -> Result<()> {
    const SHAPE: &str = "`fn app() -> axum::Router`";
    common(
        &item.sig,
        SHAPE,
        "the router is built before there is a runtime; do asynchronous work \
        in its handlers",
    )?;
    match item.sig.inputs.first() {
        None => Ok(()),
        Some(input) => Err(Error::new(input.span(), format!("an app takes nothing: {SHAPE}"))),
    }
}

fn common(signature: &Signature, shape: &str, why_not_async: &str) -> Result<()> {
    if let Some(token) = &signature.asyncness {
        return Err(Error::new(
            token.span,
            format!("`async` is not possible here: {why_not_async}"),
        ));
    }
    if let Some(token) = &signature.unsafety {
        return Err(Error::new(token.span, "anybody may call it, so it cannot be `unsafe`"));
    }
    if let Some(abi) = &signature.abi {
        return Err(Error::new(abi.span(), "the attribute exports it; leave out `extern`"));
    }
    let generic = signature.generics.params.iter();
    let mut generic = generic.filter(|param| !matches!(param, GenericParam::Lifetime(_)));
    if let Some(param) = generic.next() {
        let message = format!("it is called with one type, so it cannot be generic: {shape}");
        return Err(Error::new(param.span(), message));
    }
    match signature.output {
        ReturnType::Type(..) => Ok(()),
        ReturnType::Default => {
            Err(Error::new(signature.ident.span(), format!("it returns nothing; expected {shape}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    fn refused(checked: Result<()>) -> String {
        checked.unwrap_err().to_string()
    }

    #[test]
    fn the_shapes_in_the_documentation_pass() {
        function(&parse_quote! { fn f(r: Request) -> Response { x } }).unwrap();
        function(&parse_quote! { pub fn f<'a>(r: Request<'a>) -> Result<Response, E> { x } })
            .unwrap();
        function(&parse_quote! { fn f(_: Request) -> impl IntoResponse { x } }).unwrap();
        app(&parse_quote! { fn app() -> Router { x } }).unwrap();
    }

    #[test]
    fn each_wrong_shape_has_its_reason() {
        let cases: [(ItemFn, &str); 8] = [
            (parse_quote! { async fn f(r: Request) -> Response { x } }, "`async` is not possible"),
            (parse_quote! { unsafe fn f(r: Request) -> Response { x } }, "cannot be `unsafe`"),
            (parse_quote! { extern "C" fn f(r: Request) -> Response { x } }, "leave out `extern`"),
            (parse_quote! { fn f<T>(r: T) -> Response { x } }, "cannot be generic"),
            (parse_quote! { fn f(&self) -> Response { x } }, "has no `self`"),
            (parse_quote! { fn f() -> Response { x } }, "takes the request"),
            (parse_quote! { fn f(r: Request, n: u8) -> Response { x } }, "nothing but the request"),
            (parse_quote! { fn f(r: Request) { x } }, "returns nothing"),
        ];
        for (item, reason) in cases {
            let message = refused(function(&item));
            assert!(message.contains(reason), "{message}");
        }
        let message = refused(app(&parse_quote! { fn app(r: Request) -> Router { x } }));
        assert!(message.contains("takes nothing"), "{message}");
        let message = refused(app(&parse_quote! { async fn app() -> Router { x } }));
        assert!(message.contains("in its handlers"), "{message}");
    }
}
