/** The photographs that are to be analysed, and how several of them belong together. */

import { fill, make } from "./dom.js";
import { fileSize } from "./numbers.js";
import { radios } from "./viewer_controls.js";

const KINDS = [
  ["photograph", "One photograph"],
  ["fields", "Overlapping fields of one section"],
  ["views", "One place under several lights or stage angles"],
];

/** Files by dropping or choosing. */
export class ChosenImages {
  /**
   * @param {function()} onChange Told that other files, or another kind, are chosen.
   * @param {Array<[string, string]>} kinds That are offered; without any, one photograph is chosen.
   */
  constructor(onChange, kinds = KINDS) {
    this.onChange = onChange;
    this.kind = "photograph";
    this.files = [];
    this.invitation = kinds.length
      ? "Drop photographs here, or choose them: "
      : "Drop a photograph here, or choose it: ";
    this.input = make("input", {
      type: "file",
      id: "images",
      required: true,
      accept: ".png,.jpg,.jpeg,.tif,.tiff,.npy,image/*",
    });
    this.list = make("div", { class: "chosen" });
    this.element = make(
      "div",
      {},
      kinds.length
        ? radios("What is sent", "kind", kinds, this.kind, (kind) => this.setKind(kind))
        : null,
      this.dropZone(),
      this.list,
    );
    this.input.addEventListener("change", () => this.take(this.input.files));
  }

  /** The image that is analysed: the first. */
  get image() {
    return this.files[0] ?? null;
  }

  /**
   * Tell how the views were taken.
   *
   * @returns {Array<{file: File, part: string, light: string, angle: string}>} All but the image.
   */
  views() {
    const rows = [...this.list.querySelectorAll("[data-view]")];
    return rows.map((row) => ({
      file: this.files[Number(row.dataset.view)],
      part: `view-${row.dataset.view}`,
      light: row.querySelector("select").value,
      angle: row.querySelector("input").value.trim(),
    }));
  }

  setKind(kind) {
    this.kind = kind;
    this.input.multiple = kind !== "photograph";
    this.take(this.files);
  }

  dropZone() {
    const zone = make(
      "div",
      { class: "drop" },
      make("label", { for: "images" }, this.invitation),
      this.input,
      make("p", { class: "hint" }, "PNG, JPEG or TIFF as the camera made it."),
    );
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      this.take(event.dataTransfer.files);
    });
    return zone;
  }

  take(files) {
    const all = [...files];
    this.files = this.kind === "photograph" ? all.slice(0, 1) : all;
    this.input.required = !this.files.length;
    const left = all.length - this.files.length;
    fill(
      this.list,
      this.files.map((file, k) => this.row(file, k)),
      left
        ? make("p", { class: "notice" }, `${left} more were left out: one photograph is taken.`)
        : null,
    );
    this.onChange();
  }

  row(file, k) {
    const name = make("span", { class: "file-name" }, `${file.name}, ${fileSize(file.size)}`);
    if (this.kind !== "views") return make("p", {}, name);
    if (k === 0)
      return make(
        "p",
        {},
        name,
        make("span", { class: "hint" }, " – this one is analysed, the others are laid over it"),
      );
    return make(
      "p",
      { "data-view": k, class: "view" },
      name,
      " ",
      make(
        "label",
        {},
        "light ",
        make(
          "select",
          {},
          ["XPL", "PPL"].map((one) => make("option", {}, one)),
        ),
      ),
      " ",
      make(
        "label",
        {},
        "stage turned by ",
        // As text: a browser gives nothing of a number with the comma of another language.
        make("input", { type: "text", inputmode: "decimal", size: 6 }),
        " °",
      ),
    );
  }
}
