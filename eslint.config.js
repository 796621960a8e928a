// What `make check-js` finds beside types: mistakes, and words that stand for something else here.
import js from "@eslint/js";
import globals from "globals";

// one word for one thing, as in the rest of the project: image, network, position, sprite sheet. Keys of the
// REST interface and its parameters keep theirs, so only what is declared here is looked at.
const OTHER_WORDS = "[pP]icture|PICTURE|^[pP]laces?$|^PLACES?$|[aA]tlas|ATLAS|[aA]rchitecture";

export default [
  { ignores: [".venv/", ".services/", "staticfiles/", "var/"] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "array-callback-return": "error",
      "default-param-last": "error",
      eqeqeq: ["error", "always", { null: "ignore" }],
      "id-match": [
        "error",
        `^(?!.*(?:${OTHER_WORDS})).*$`,
        { onlyDeclarations: true, properties: false, ignoreDestructuring: true },
      ],
      "max-len": [
        "error",
        { code: 110, ignoreUrls: true, ignoreStrings: true, ignoreTemplateLiterals: true },
      ],
      "no-constructor-return": "error",
      "no-else-return": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-lonely-if": "error",
      "no-new-func": "error",
      "no-param-reassign": "error",
      "no-promise-executor-return": "off",
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Names of files and labels are never HTML: use make()." },
        { property: "outerHTML", message: "Names of files and labels are never HTML: use make()." },
        { property: "insertAdjacentHTML", message: "Names of files and labels are never HTML: use make()." },
      ],
      "no-self-compare": "error",
      "no-shadow": "error",
      "no-template-curly-in-string": "error",
      "no-unneeded-ternary": "error",
      "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
      "no-useless-rename": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
    },
  },
  {
    files: ["static/js/**", "tests/data/**", "benchmarks/map/**"],
    languageOptions: { globals: globals.browser },
  },
  { files: ["static/js/shared/theme.js"], languageOptions: { sourceType: "script" } },
  {
    files: ["tests/js/**", "tests/clients/**", "eslint.config.js"],
    languageOptions: { globals: globals.node },
  },
];
