// Reads JSON as docs/schemas/*.json say: the few words of JSON Schema that they use, and defaults.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { MOST_NUMBER, Unacceptable } = require("./wire.js");

const DIRECTORY = path.resolve(__dirname, "../../../docs/schemas");
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const documents = new Map();

function documentOf(name) {
  if (!documents.has(name)) {
    documents.set(name, JSON.parse(fs.readFileSync(path.join(DIRECTORY, `${name}.json`), "utf-8")));
  }
  return documents.get(name);
}

const named = (root, reference) => root.$defs[reference.replace("#/$defs/", "")];
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

const IS = {
  string: (value) => typeof value === "string" && value.isWellFormed(),
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
  integer: (value) => Number.isInteger(value) && Math.abs(value) <= MOST_NUMBER,
  object(value, form, root) {
    if (!isObject(value) || (form.required ?? []).some((name) => !Object.hasOwn(value, name))) return false;
    return Object.entries(value).every(([name, one]) => {
      const inner = form.properties?.[name] ?? form.additionalProperties;
      return inner === undefined || fits(one, inner, root);
    });
  },
  array(value, form, root) {
    if (!Array.isArray(value)) return false;
    if (value.length < (form.minItems ?? 0) || value.length > (form.maxItems ?? Infinity)) return false;
    return value.every((one, n) => fits(one, form.prefixItems?.[n] ?? form.items, root));
  },
};

function fits(value, form, root) {
  if (form.$ref) return fits(value, named(root, form.$ref), root);
  if (form.anyOf) return form.anyOf.some((one) => fits(value, one, root));
  if (form.enum) return form.enum.includes(value);
  return IS[form.type](value, form, root);
}

/** Return the JSON in `bytes` with its defaults; throws Unacceptable unless it fits schema `name`. */
function read(name, bytes) {
  let value;
  try {
    value = JSON.parse(typeof bytes === "string" ? bytes : UTF8.decode(bytes));
  } catch (error) {
    throw new Unacceptable(`${name}: ${error.message}`);
  }
  const root = documentOf(name);
  const forms = (root.anyOf ?? [root]).map((one) => (one.$ref ? named(root, one.$ref) : one));
  const form = forms.find((one) => fits(value, one, root));
  if (form === undefined) throw new Unacceptable(`${name}: not as its schema says`);
  const defaults = Object.entries(form.properties).filter(([, inner]) => "default" in inner);
  return { ...Object.fromEntries(defaults.map(([key, inner]) => [key, inner.default])), ...value };
}

module.exports = { read };
