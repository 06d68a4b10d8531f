"use strict";
// The part of the underscore library that scripts use.
(function (global) {
  function compare(left, right) {
    if (left === right) return 0;
    return left < right ? -1 : 1;
  }

  const list = (given) => (Array.isArray(given) ? given : Object.values(given || {}));
  const by = (given) => (typeof given === "function" ? given : (item) => (item ? item[given] : undefined));
  const tally = (items, given, add) => {
    const found = {};
    for (const item of list(items)) add(found, by(given)(item), item);
    return found;
  };
  global._ = {
    each: (items, run) => list(items).forEach(run),
    map: (items, change) => list(items).map(typeof change === "function" ? change : by(change)),
    filter: (items, keeps) => list(items).filter(keeps),
    reject: (items, drops) => list(items).filter((item) => !drops(item)),
    find: (items, keeps) => list(items).find(keeps),
    reduce: (items, run, start) => list(items).reduce(run, start),
    some: (items, keeps) => list(items).some(keeps || Boolean),
    any: (items, keeps) => list(items).some(keeps || Boolean),
    every: (items, keeps) => list(items).every(keeps || Boolean),
    all: (items, keeps) => list(items).every(keeps || Boolean),
    contains: (items, value) => list(items).includes(value),
    includes: (items, value) => list(items).includes(value),
    pluck: (items, name) => list(items).map(by(name)),
    uniq: (items) => Array.from(new Set(list(items))),
    sortBy: (items, given) => list(items).slice().sort((a, b) => compare(by(given)(a), by(given)(b))),
    groupBy: (items, given) => tally(items, given, (all, key, item) => (all[key] = all[key] || []).push(item)),
    countBy: (items, given) => tally(items, given, (all, key) => { all[key] = (all[key] || 0) + 1; }),
    first: (items, number) => (number === undefined ? items[0] : items.slice(0, number)),
    last: (items) => items[items.length - 1],
    flatten: (items) => items.flat(Infinity),
    union: (...lists) => Array.from(new Set(lists.flat())),
    intersection: (one, other) => one.filter((item) => other.includes(item)),
    difference: (one, other) => one.filter((item) => !other.includes(item)),
    max: (items) => Math.max(...list(items)),
    min: (items) => Math.min(...list(items)),
    range: (start, end) => {
      const [low, high] = end === undefined ? [0, start] : [start, end];
      return Array.from({ length: Math.max(0, high - low) }, (_, place) => low + place);
    },
    keys: (item) => Object.keys(item || {}),
    values: (item) => Object.values(item || {}),
    pairs: (item) => Object.entries(item || {}),
    object: (pairs) => Object.fromEntries(pairs),
    has: (item, name) => item !== null && item !== undefined && Object.hasOwn(item, name),
    extend: (into, ...others) => Object.assign(into, ...others),
    clone: (item) => (Array.isArray(item) ? item.slice() : { ...item }),
    pick: (item, ...names) => Object.fromEntries(names.flat().filter((name) => name in item).map((name) => [name, item[name]])),
    omit: (item, ...names) => Object.fromEntries(Object.entries(item).filter(([name]) => !names.flat().includes(name))),
    size: (items) => list(items).length,
    identity: (item) => item,
    isArray: Array.isArray,
    isObject: (item) => item !== null && typeof item === "object",
    isString: (item) => typeof item === "string",
    isNumber: (item) => typeof item === "number",
    isUndefined: (item) => item === undefined,
    isNull: (item) => item === null,
    isEmpty: (item) => !item || list(item).length === 0,
  };
})(globalThis);
