// A cookbook without an SDK: the contract alone is enough.
//
// The functions are those that `wit-bindgen c` wrote from wit/world.wit; see README.md.

#include <string.h>

#include "bindings/hello.h"

typedef engine_cookbook_types_error_t error_t;

static hello_string_t literal(const char *text) {
    return (hello_string_t){(uint8_t *)text, strlen(text)};
}

// Fixed room for one text; `fits` turns false when it would not hold all of it.
typedef struct {
    uint8_t bytes[512];
    size_t length;
    bool fits;
} buffer_t;

static void append(buffer_t *buffer, hello_string_t text) {
    if (text.len > sizeof buffer->bytes - buffer->length) {
        buffer->fits = false;
        return;
    }
    memcpy(buffer->bytes + buffer->length, text.ptr, text.len);
    buffer->length += text.len;
}

static hello_string_t joined(buffer_t *buffer) {
    return (hello_string_t){buffer->bytes, buffer->length};
}

// The caller frees the error, so its parts are copies.
static bool fail(error_t *error, const char *code, const char *message) {
    hello_string_dup(&error->code, code);
    hello_string_dup(&error->resource, "");
    hello_string_dup(&error->property, "");
    hello_string_dup(&error->message, message);
    return false;
}

static bool declare_directory(hello_string_t path, error_t *error) {
    engine_cookbook_files_own_directory_t directory;
    hello_string_t mode = literal("0755");
    if (!engine_cookbook_files_static_directory_declare(&path, &directory, error)) return false;
    bool good = engine_cookbook_files_method_directory_mode(
        engine_cookbook_files_borrow_directory(directory), &mode, error);
    engine_cookbook_files_directory_drop_own(directory);
    return good;
}

static bool declare_file(hello_string_t path, hello_string_t content, error_t *error) {
    engine_cookbook_files_own_file_t file;
    hello_string_t mode = literal("0644");
    if (!engine_cookbook_files_static_file_declare(&path, &file, error)) return false;
    engine_cookbook_files_borrow_file_t borrowed = engine_cookbook_files_borrow_file(file);
    bool good = engine_cookbook_files_method_file_content(borrowed, &content, error) &&
                engine_cookbook_files_method_file_mode(borrowed, &mode, error);
    engine_cookbook_files_file_drop_own(file);
    return good;
}

static bool declare_link(hello_string_t path, hello_string_t to, error_t *error) {
    engine_cookbook_files_own_link_t link;
    if (!engine_cookbook_files_static_link_declare(&path, &link, error)) return false;
    bool good = engine_cookbook_files_method_link_to(engine_cookbook_files_borrow_link(link), &to, error);
    engine_cookbook_files_link_drop_own(link);
    return good;
}

static bool recipe_default(error_t *error) {
    hello_string_t key = literal("hello.directory");
    hello_option_string_t directory;
    if (!engine_cookbook_attributes_text(&key, &directory, error)) return false;
    if (!directory.is_some) {
        return fail(error, "missing-attribute", "set the attribute `hello.directory`");
    }

    hello_string_t hostname, platform;
    engine_cookbook_facts_hostname(&hostname);
    engine_cookbook_facts_platform(&platform);

    buffer_t content = {.fits = true}, greeting = {.fits = true}, current = {.fits = true};
    append(&content, literal("Hello from C! This is "));
    append(&content, hostname);
    append(&content, literal(" ("));
    append(&content, platform);
    append(&content, literal(").\n"));
    append(&greeting, directory.val);
    append(&greeting, literal("/greeting-c"));
    append(&current, directory.val);
    append(&current, literal("/current-c"));

    bool good;
    if (content.fits && greeting.fits && current.fits) {
        good = declare_directory(directory.val, error) &&
               declare_file(joined(&greeting), joined(&content), error) &&
               declare_link(joined(&current), literal("greeting-c"), error);
    } else {
        good = fail(error, "invalid-attribute", "the attribute `hello.directory` is too long");
    }

    hello_string_free(&platform);
    hello_string_free(&hostname);
    hello_string_free(&directory.val);
    return good;
}

bool exports_engine_cookbook_recipes_run(hello_string_t *recipe, error_t *error) {
    static const char name[] = "default";
    bool known = recipe->len == sizeof name - 1 && memcmp(recipe->ptr, name, recipe->len) == 0;
    hello_string_free(recipe);
    return known ? recipe_default(error) : fail(error, "not-found", "there is no such recipe");
}
