// What each user did with one feature inside the window. Counts only; the verdict is ours, in Python.
// Every value arrives in `params`: nothing is pasted into this text.
function main() {
  var own = [params.attempt, params.success, params.error].concat(params.steps);
  return Events({
    from_date: params.from_date,
    to_date: params.to_date,
    event_selectors: own.concat(params.rage, params.dead).map(function (name) { return {event: name}; }),
  })
    .groupByUser(function (state, events) {
      state = state || {
        attempts: 0, successes: 0, errors: {}, rage_clicks: 0, dead_clicks: 0,
        last_attempt: null, last_success: null, reached: 0, accounts: [],
      };
      events.forEach(function (event) {
        if (event.name === params.rage) { state.rage_clicks += 1; return; }
        if (event.name === params.dead) { state.dead_clicks += 1; return; }
        var account = event.properties[params.account_property];
        [].concat(account === undefined ? [] : account).forEach(function (id) {
          if (state.accounts.indexOf(id) < 0) { state.accounts.push(id); }
        });
        if (event.name === params.attempt) {
          state.attempts += 1; state.last_attempt = event.time; state.reached = 0;
        } else {
          state.reached = Math.max(state.reached, params.steps.indexOf(event.name));
        }
        if (event.name === params.success) { state.successes += 1; state.last_success = event.time; }
        if (params.error && event.name === params.error) {
          var given = event.properties.reason;
          var reason = String(given === undefined || given === null ? "" : given);
          // A reason may be called "constructor" or "__proto__": only own properties count.
          var before = Object.getOwnPropertyDescriptor(state.errors, reason);
          Object.defineProperty(state.errors, reason, {
            value: (before ? before.value : 0) + 1, enumerable: true, configurable: true, writable: true,
          });
        }
      });
      return state;
    })
    .filter(function (row) { return row.value.attempts > params.more_than_attempts; });
}
