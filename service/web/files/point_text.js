/** What is known of the pixel that is pointed at. */

import { significant } from "./numbers.js";

/**
 * Write it.
 *
 * @param {number[]} place Row and column, from 0.
 * @param {{labels: ?Grid, confidence: ?Grid, minerals: Map, unlabelled: number, result: Object}}
 *   known Maps and names.
 * @returns {string} Mineral, confidence, place.
 */
export function pointText([row, column], { labels, confidence, minerals, unlabelled, result }) {
  const parts = [];
  if (labels) parts.push(nameOf(labels.at(row, column), minerals, unlabelled));
  if (confidence && labels?.at(row, column) !== unlabelled) {
    parts.push(`confidence ${Math.round((100 * confidence.at(row, column)) / 255)} %`);
  }
  parts.push(`row ${row}, column ${column}`);
  const umPerPx = result.scale?.um_per_px;
  if (umPerPx) {
    const [down, right] = [row, column].map((one) => significant(one * umPerPx));
    parts.push(`${down} µm down, ${right} µm right`);
  }
  return parts.join(" · ");
}

function nameOf(code, minerals, unlabelled) {
  if (code === unlabelled) return "not annotated";
  const mineral = minerals.get(code);
  return mineral ? `${mineral.name} (${mineral.symbol})` : `code ${code}`;
}
