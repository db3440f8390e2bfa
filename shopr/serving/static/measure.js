// Page views, Core Web Vitals and errors of a page, sent to the shop that serves it; nothing before it may.
// Set by the script's own tag: data-send (where to), data-allowed (purposes), data-release, data-key (other sites).
// window.shoprMeasure.allow(purposes, notice) says what a visitor allows; shoprMeasure.track(type, properties) sends more.
(() => {
  const tag = document.currentScript, given = tag.dataset, nav = navigator;
  const url = given.send + (given.key ? "?key=" + given.key : "");
  const now = () => new Date().toISOString(), page = () => location.pathname;
  const id = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), n => n.toString(36)).join("");
  let allowed = /\banalytics\b/.test(given.allowed) && !(given.key && nav.globalPrivacyControl), queue = [], errors = 0, said = null, session;

  const put = (type, properties, at) => {
    if (!allowed || queue.length > 99) return;
    queue.push({event_id: id(), type, time: now(), session_id: session,
      properties: Object.assign({page: at || page(), release: given.release || undefined}, properties)});
    if (queue.length > 19) flush();
  };
  const flush = () => {
    if (!allowed || !queue.length) return;
    const body = JSON.stringify({sent_at: now(), events: queue.splice(0), consent: said || undefined});
    if (given.key) fetch(url, {method: "POST", keepalive: true, credentials: "omit", body}).catch(() => {});
    else nav.sendBeacon(url, new Blob([body], {type: "application/json"}));
  };

  // -- vitals, as web.dev defines them: each told once, when the page is hidden
  let start, shift, spell, first, last, slow, paint, told, hiddenAt;
  const reset = at => {
    start = at; shift = spell = 0; first = last = -1e9; slow = []; paint = {}; told = {};
    hiddenAt = document.visibilityState === "hidden" ? 0 : Infinity;
  };
  const watch = (type, each, more) => {
    try { new PerformanceObserver(list => list.getEntries().forEach(each)).observe({type, buffered: true, ...more}); }
    catch (_) { /* this browser cannot */ }
  };
  const inp = () => slow.length ? slow[Math.min(slow.length - 1, Math.floor((performance.interactionCount || 0) / 50))].d : -1;
  const vital = (name, value) => {
    if (value >= 0 && !(name in told)) put("vital_measured", {name, value: told[name] = +value.toFixed(4)}, home);
  };
  const entry = performance.getEntriesByType("navigation")[0], home = page();
  const tell = () => {
    vital("TTFB", paint.ttfb); vital("FCP", paint.fcp); vital("LCP", paint.lcp); vital("INP", inp()); vital("CLS", paint.fcp >= 0 ? shift : -1);
  };
  reset(0);
  if (entry && entry.responseStart > 0) paint.ttfb = Math.max(entry.responseStart - (entry.activationStart || 0), 0);
  watch("paint", e => { if (e.name === "first-contentful-paint" && e.startTime < hiddenAt) paint.fcp = e.startTime; });
  let final = false;
  watch("largest-contentful-paint", e => { if (!final && e.startTime < hiddenAt) paint.lcp = e.startTime; });
  ["keydown", "click"].forEach(type => addEventListener(type, () => { final = true; }, {once: true, capture: true}));
  watch("layout-shift", e => {
    if (e.hadRecentInput) return;
    const t = e.startTime;
    if (t - last > 1e3 || t - first > 5e3) { first = t; spell = 0; }
    last = t; spell += e.value; shift = Math.max(shift, spell);
  });
  const slower = e => {
    if (!e.interactionId) return;
    const same = slow.find(each => each.i === e.interactionId);
    if (same) same.d = Math.max(same.d, e.duration); else slow.push({i: e.interactionId, d: e.duration});
    slow.sort((a, b) => b.d - a.d).splice(10);
  };
  watch("event", slower, {durationThreshold: 40});
  watch("first-input", slower);
  addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden") return;
    hiddenAt = Math.min(hiddenAt, performance.now()); tell(); flush();
  }, true);
  addEventListener("pageshow", e => {
    if (!e.persisted) return;
    reset(e.timeStamp); view();
    requestAnimationFrame(() => requestAnimationFrame(() => { paint.lcp = paint.fcp = performance.now() - start; }));
  });

  // -- errors
  const fault = (error, message) => {
    if (errors++ > 9) return;
    const e = error || {};
    put("error_raised", {name: e.name || "Error", message: String(e.message || message || e).slice(0, 1e3),
      stack: String(e.stack || "").slice(0, 5e3)});
  };
  // A browser that puts off a notice of sizes to the next frame says so as an error; nothing failed.
  addEventListener("error", e => { if (e.message && !/^ResizeObserver loop/.test(e.message)) fault(e.error, e.message); });
  addEventListener("unhandledrejection", e => fault(e.reason, "unhandled rejection"));

  // -- page views, those of a page that draws itself anew, too
  let seen;
  const view = () => {
    if (!allowed) return;
    seen = page();
    put("page_viewed", {language: nav.language, referrer: document.referrer.split("/", 3).join("/") || undefined});
  };
  const moved = () => setTimeout(() => { if (page() !== seen) view(); });
  const push = history.pushState;
  history.pushState = function (...all) { push.apply(this, all); moved(); };
  addEventListener("popstate", moved);
  setInterval(flush, 1e4);
  if (given.key) { try { session = sessionStorage.shopr ||= id(); } catch (_) { session = id(); } }
  window.shoprMeasure = {
    track: put,
    allow: (purposes, notice) => {
      allowed = purposes.includes("analytics"); said = {purposes, notice};
      if (!given.key) fetch(given.consent, {method: "POST", keepalive: true, body: JSON.stringify(said)}).catch(() => {});
      if (!allowed) { queue = []; return; }
      view();
    },
  };
  view();
})();
