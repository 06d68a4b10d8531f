"use strict";
// What a JQL script finds around itself. main() only describes its collection; the events are loaded
// afterwards, when the sources it names are known, and the description is carried out on them.
(function (global) {
  const BATCH = 1000;
  const PIECE = 100;
  const MOST_REDUCERS = 8;
  const DAY = 86400000;
  const sources = [];

  function fail(message) {
    throw new Error(message);
  }

  // --- Accessors: dotted paths, functions, mappers -----------------------------------------------

  function lookup(item, path) {
    let value = item;
    for (const part of path) {
      if (value === null || value === undefined) return undefined;
      value = value[part];
    }
    return value;
  }

  function accessor(given) {
    if (given === undefined) return (item) => item;
    if (typeof given === "function") return given;
    if (typeof given === "string") {
      const path = given.split(".");
      return (item) => lookup(item, path);
    }
    return fail("accessor must be a string or a function");
  }

  function compare(left, right) {
    if (left === right) return 0;
    if (left === null || left === undefined) return -1;
    if (right === null || right === undefined) return 1;
    return left < right ? -1 : 1;
  }

  // --- Keys of groups ----------------------------------------------------------------------------

  function extend(keys, component) {
    const value = component === undefined ? null : component;
    if (Array.isArray(value)) return keys.map((key) => key.concat(value));
    if (value !== null && typeof value === "object") fail("group keys must be scalars");
    return keys.map((key) => key.concat([value]));
  }

  function keyed(given) {
    if (typeof given === "function" && given.branches) {
      return (keys, item) => given.branches(item).flatMap((component) => extend(keys, component));
    }
    const read = accessor(given);
    return (keys, item) => extend(keys, read(item));
  }

  function keysOf(item, components) {
    return components.reduce((keys, component) => component(keys, item), [[]]);
  }

  // --- Reducers ----------------------------------------------------------------------------------
  // A built-in reducer is {start, add, end}; a script's own is a function of (accumulators, items).

  function reducer(start, add, end) {
    return { start, add, end: end || ((state) => state) };
  }

  function numeric(given, start, add, end) {
    const read = accessor(given);
    return reducer(start, (state, item) => {
      const value = read(item);
      return typeof value === "number" && !Number.isNaN(value) ? add(state, value) : state;
    }, end);
  }

  function bestBy(given, better) {
    const read = accessor(given);
    return reducer(
      () => null,
      (state, item) => {
        const value = read(item);
        if (value === undefined || value === null) return state;
        return state === null || better(value, state.value) ? { value, item } : state;
      },
      (state) => (state === null ? null : state.item)
    );
  }

  function merge(into, from) {
    for (const name of Object.keys(from)) {
      const old = into[name], value = from[name];
      if (typeof old === "number" && typeof value === "number") into[name] = old + value;
      else if (old && value && typeof old === "object" && typeof value === "object") merge(old, value);
      else into[name] = value && typeof value === "object" ? merge({}, value) : value;
    }
    return into;
  }

  function percentile(sorted, wanted) {
    const place = Math.ceil((wanted / 100) * sorted.length) - 1;
    return sorted[Math.min(sorted.length - 1, Math.max(0, place))];
  }

  function percentiles(values, wanted) {
    if (!values.length) return [];
    const sorted = values.sort((left, right) => left - right);
    if (!Array.isArray(wanted)) return percentile(sorted, wanted);
    return wanted.map((each) => ({ percentile: each, value: percentile(sorted, each) }));
  }

  function summary(state) {
    const avg = state.count ? state.sum / state.count : 0;
    const variance = state.count ? Math.max(0, state.sum_squares / state.count - avg * avg) : 0;
    return { ...state, avg, stddev: Math.sqrt(variance) };
  }

  const reducers = {
    count: () => reducer(() => 0, (state) => state + 1),
    sum: (given) => numeric(given, () => 0, (state, value) => state + value),
    avg: (given) =>
      numeric(
        given,
        () => [0, 0],
        ([sum, count], value) => [sum + value, count + 1],
        ([sum, count]) => (count ? sum / count : null)
      ),
    min: (given) => numeric(given, () => null, (s, v) => (s === null || v < s ? v : s)),
    max: (given) => numeric(given, () => null, (s, v) => (s === null || v > s ? v : s)),
    numeric_summary: (given) =>
      numeric(
        given,
        () => ({ count: 0, sum: 0, sum_squares: 0 }),
        (s, v) => ({ count: s.count + 1, sum: s.sum + v, sum_squares: s.sum_squares + v * v }),
        summary
      ),
    numeric_percentiles: (given, wanted) =>
      numeric(given, () => [], (s, v) => (s.push(v), s), (s) => percentiles(s, wanted)),
    min_by: (given) => bestBy(given, (value, best) => value < best),
    max_by: (given) => bestBy(given, (value, best) => value > best),
    top: (number) =>
      reducer(
        () => [],
        (s, item) => (s.push(item), s),
        (s) => s.sort((left, right) => compare(right.value, left.value)).slice(0, number)
      ),
    object_merge: () => reducer(() => ({}), (s, item) => (item && typeof item === "object" ? merge(s, item) : s)),
    any: () => reducer(() => null, (s, item) => (s === null ? item : s)),
    null: () => reducer(() => null, (s) => s),
  };

  function running(given) {
    if (given && given.start) {
      let state = given.start();
      return { add: (item) => { state = given.add(state, item); }, end: () => given.end(state) };
    }
    if (typeof given !== "function") fail("reducer must be a function");
    const accumulators = [];
    let items = [];
    const flush = () => {
      if (items.length) accumulators.push(given([], items));
      items = [];
    };
    return {
      add: (item) => { if (items.push(item) >= BATCH) flush(); },
      end: () => {
        flush();
        return accumulators.length === 1 ? accumulators[0] : given(accumulators, []);
      },
    };
  }

  // A script's own reducer of a user's events sees them in pieces, as it does on Mixpanel's side.
  function runningPerUser(given) {
    if (given && given.start) return running(given);
    if (typeof given !== "function") fail("reducer must be a function");
    const events = [];
    return {
      add: (item) => { events.push(item); },
      end: () => {
        let state;
        for (let place = 0; place < events.length; place += PIECE) {
          state = given(state, events.slice(place, place + PIECE));
        }
        return state;
      },
    };
  }

  function reductions(given, begin) {
    const list = Array.isArray(given) ? given : [given];
    if (list.length > MOST_REDUCERS) fail("groupBy and reduce accept at most 8 reducers");
    return () => {
      const all = list.map(begin);
      return {
        add: (item) => { for (const one of all) one.add(item); },
        end: () => (Array.isArray(given) ? all.map((one) => one.end()) : all[0].end()),
      };
    };
  }

  // --- Transformations ---------------------------------------------------------------------------

  function grouped(items, components, begin) {
    const groups = new Map();
    for (const item of items) {
      for (const key of keysOf(item, components)) {
        const name = JSON.stringify(key);
        let group = groups.get(name);
        if (!group) groups.set(name, (group = { key, state: begin() }));
        group.state.add(item);
      }
    }
    return Array.from(groups.values(), (group) => ({ key: group.key, value: group.state.end() }));
  }

  function limited(items, limits, most) {
    const seen = limits.map(() => new Map());
    const kept = [];
    for (const item of items) {
      if (most !== undefined && kept.length >= most) break;
      const fits = limits.every((limit, level) => {
        const parent = JSON.stringify(item.key.slice(0, level));
        const own = JSON.stringify(item.key[level]);
        if (!seen[level].has(parent)) seen[level].set(parent, new Set());
        const known = seen[level].get(parent);
        if (!known.has(own) && known.size >= limit) return false;
        known.add(own);
        return true;
      });
      if (fits) kept.push(item);
    }
    return kept;
  }

  class Collection {
    constructor(load, byUser) {
      this.load = load;
      this.byUser = byUser;
    }

    then_(step, byUser) {
      return new Collection(() => step(this.load()), byUser || false);
    }

    filter(keeps) {
      return this.then_((items) => items.filter((item) => keeps(item)), this.byUser);
    }

    map(change) {
      return this.then_((items) => items.map((item) => change(item)));
    }

    reduce(given) {
      const begin = reductions(given, running);
      return this.then_((items) => {
        const state = begin();
        for (const item of items) state.add(item);
        return [state.end()];
      });
    }

    groupBy(keys, given) {
      if (!Array.isArray(keys)) fail("groupBy keys must be a list");
      const components = keys.map(keyed), begin = reductions(given, running);
      return this.then_((items) => grouped(items, components, begin));
    }

    groupByUser(keys, given) {
      if (!this.byUser) fail("groupByUser can only follow a source or a filter of one");
      const extra = given === undefined ? [] : keys;
      const components = ["distinct_id", ...extra].map(keyed);
      const begin = reductions(given === undefined ? keys : given, runningPerUser);
      return this.then_((items) => grouped(items, components, begin));
    }

    flatten() {
      return this.then_((items) => items.reduce((all, item) => all.concat(item), []));
    }

    sortAsc(given) {
      const read = accessor(given);
      return this.then_((items) => items.slice().sort((a, b) => compare(read(a), read(b))));
    }

    sortDesc(given) {
      const read = accessor(given);
      return this.then_((items) => items.slice().sort((a, b) => compare(read(b), read(a))));
    }

    applyGroupLimits(limits, most) {
      return this.then_((items) => limited(items, limits, most));
    }
  }

  // --- Sources -----------------------------------------------------------------------------------

  function source(described) {
    const place = sources.push({ described, items: null }) - 1;
    const collection = new Collection(() => sources[place].items, true);
    collection.described = described;
    return collection;
  }

  global.Events = function Events(given) {
    if (!given || !given.from_date || !given.to_date) fail("Events needs from_date and to_date");
    return source({ kind: "events", given });
  };

  global.People = function People(given) {
    return source({ kind: "people", given: given || {} });
  };

  global.join = function join(events, people, options) {
    if (!events || !people || !events.described || !people.described) {
      fail("join takes Events and People without transformations");
    }
    const given = { events: events.described.given, people: people.described.given, options: options || {} };
    for (const each of sources) {
      if (each.described === events.described || each.described === people.described) each.joined = true;
    }
    return source({ kind: "join", given });
  };

  // --- mixpanel ----------------------------------------------------------------------------------

  function floorTo(start) {
    return (value) => {
      const time = new Date(value);
      return Date.UTC(time.getUTCFullYear(), start(time.getUTCMonth()), 1);
    };
  }

  function bucketOf(given) {
    if (typeof given === "function") return given;
    if (Array.isArray(given)) {
      return (value) => given.reduce((found, low) => (value >= low ? low : found), null);
    }
    const size = given.bucket_size, offset = given.offset || 0;
    return (value) => Math.floor((value - offset) / size) * size + offset;
  }

  global.mixpanel = {
    reducer: reducers,
    numeric_bucket: (given, buckets) => {
      const read = accessor(given), bucket = bucketOf(buckets);
      return (item) => {
        const value = read(item);
        return typeof value === "number" ? bucket(value) : undefined;
      };
    },
    slice: (given, start, end) => {
      const read = accessor(given);
      return (item) => {
        const value = read(item);
        return typeof value === "string" || Array.isArray(value) ? value.slice(start, end) : value;
      };
    },
    multiple_keys: (paths) => {
      const reads = paths.map(accessor);
      const key = () => null;
      key.branches = (item) => reads.flatMap((read) => {
        const value = read(item);
        return Array.isArray(value) ? value : [value];
      });
      return key;
    },
    to_number: (given) => {
      const read = accessor(given);
      return (item) => {
        const value = read(item);
        if (typeof value === "boolean") return Number(value);
        if (typeof value !== "number" && typeof value !== "string") return undefined;
        if (typeof value === "string" && value.trim() === "") return undefined;
        const number = Number(value);
        return Number.isNaN(number) ? undefined : number;
      };
    },
    daily_time_buckets: { bucket_size: DAY, offset: 0 },
    weekly_time_buckets: { bucket_size: 7 * DAY, offset: 4 * DAY },
    monthly_time_buckets: floorTo((month) => month),
    quarterly_time_buckets: floorTo((month) => month - (month % 3)),
    annual_time_buckets: floorTo(() => 0),
  };

  // --- What the stand-in calls -------------------------------------------------------------------

  let result = null;
  global.__describe = (main) => {
    result = main();
    if (!(result instanceof Collection)) fail("main() must return a collection");
    return JSON.stringify(sources.map((each) => (each.joined ? null : each.described)));
  };
  global.__provide = (place, text) => { sources[place].items = JSON.parse(text); };
  global.__collect = () => JSON.stringify(result.load());
})(globalThis);
