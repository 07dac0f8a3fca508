//! The attribute macro of `engine-sdk`; use it from there.

use proc_macro::TokenStream;
use quote::quote;
use syn::{ItemFn, parse_macro_input, spanned::Spanned as _};

/// Marks a function as a recipe: `fn(&mut Context) -> Result<()>`.
///
/// The function stays what it is; the attribute checks its form where it stands, so that a mistake
/// is reported here and not at the list of recipes.
///
/// ```ignore
/// #[recipe]
/// fn install(ctx: &mut Context) -> Result<()> {
///     ctx.package("nginx").declare()?;
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn recipe(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as ItemFn);
    match check(arguments.is_empty(), &function) {
        Ok(()) => {
            let name = &function.sig.ident;
            quote! {
                #function
                const _: ::engine_sdk::RecipeFunction = #name;
            }
        }
        Err(error) => {
            let error = error.to_compile_error();
            // The function stays, so that no second error says that it is missing.
            quote! { #function #error }
        }
    }
    .into()
}

fn check(no_arguments: bool, function: &ItemFn) -> syn::Result<()> {
    let refuse = |span, message: &str| Err(syn::Error::new(span, message));
    if !no_arguments {
        return refuse(function.sig.ident.span(), "`#[recipe]` takes no arguments");
    }
    let signature = &function.sig;
    if let Some(asyncness) = &signature.asyncness {
        return refuse(asyncness.span(), "a recipe cannot be async: it only declares, nothing is awaited");
    }
    if !signature.generics.params.is_empty() {
        return refuse(signature.generics.span(), "a recipe cannot be generic");
    }
    if signature.inputs.len() != 1 {
        return refuse(
            signature.ident.span(),
            "a recipe takes one argument: `fn name(ctx: &mut Context) -> Result<()>`",
        );
    }
    if matches!(signature.output, syn::ReturnType::Default) {
        return refuse(
            signature.ident.span(),
            "a recipe returns a result: `fn name(ctx: &mut Context) -> Result<()>`",
        );
    }
    Ok(())
}
