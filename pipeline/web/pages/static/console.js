// Shared by every page: theme, dialogs, toasts, and how a change is sent.
(() => {
  const root = document.documentElement;
  const $ = (selector, within = document) => within.querySelector(selector);
  const shown = (selector) => [...document.querySelectorAll(selector)].filter((part) => part.offsetParent);

  // Who works by keys goes on, once a page was read again, where they were: at the same button, or at the next like it.
  const KEPT = 'igny8_focus';
  let byKeys = false;
  window.addEventListener('keydown', () => { byKeys = true; }, true);
  window.addEventListener('pointerdown', () => { byKeys = false; }, true);
  window.readAgain = (same, alike = same, address = '', at = null) => {
    const place = shown(alike).findIndex((part) => (at ? part === at : part.matches(same)));
    if (byKeys && same) sessionStorage.setItem(KEPT, JSON.stringify({ path: (address || location.pathname).split('?')[0], same, alike, place }));
    const to = new URL(address || location.href, location.href);
    // Only another part of this page: a browser would scroll there, and show what stood there before.
    if (to.pathname + to.search !== location.pathname + location.search) { location.assign(to); return; }
    if (to.hash !== location.hash) history.replaceState(null, '', to);
    location.reload();
  };
  const goOn = () => {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) || '{}');
    sessionStorage.removeItem(KEPT);
    if (kept.path !== location.pathname) return;
    const [same, alike] = [shown(kept.same), shown(kept.alike)];
    (same.find((part) => part === alike[kept.place]) || same[0] || alike[Math.min(kept.place, alike.length - 1)] || $('#main')).focus();
  };

  window.icon = (name) => `<svg class="icon" aria-hidden="true" width="20" height="20"><use href="/static/icons.svg#${name}"/></svg>`;

  window.toast = (text, undo) => {
    const toast = document.createElement('div');
    toast.className = 'toast-it';
    toast.innerHTML = window.icon('check') + '<span></span>';
    $('span', toast).textContent = text;
    if (undo) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = 'Undo';
      button.addEventListener('click', () => { undo(); toast.remove(); });
      toast.append(button);
    }
    $('#toasts').replaceChildren(toast);
    setTimeout(() => toast.remove(), 10000);
  };

  const renewed = async () => {
    if (!document.body.dataset.csrf) return false;
    const answer = await fetch('/api/v1/me', { headers: { Accept: 'application/json' }, credentials: 'same-origin' });
    if (!answer.ok) return false;
    const { csrf_token: token } = await answer.json();
    const differs = Boolean(token) && token !== document.body.dataset.csrf;
    if (differs) document.body.dataset.csrf = token;
    return differs;
  };

  // What the API answers: {ok, status, headers, body}; a problem's sentence is in body.detail.
  window.ask = async (method, url, body, headers = {}) => {
    const sent = { method, headers: { Accept: 'application/json', ...headers }, credentials: 'same-origin' };
    if (method !== 'GET') sent.headers['X-CSRF-Token'] = document.body.dataset.csrf || '';
    if (body instanceof FormData || body instanceof Blob) sent.body = body;
    else if (body !== undefined) {
      sent.headers['Content-Type'] = 'application/json';
      sent.body = JSON.stringify(body);
    }
    let answer;
    try {
      answer = await fetch(url, sent);
      // Who logged in again in another window has another token: this page learns it and sends once more.
      if ([401, 403].includes(answer.status) && method !== 'GET' && (await renewed())) {
        sent.headers['X-CSRF-Token'] = document.body.dataset.csrf;
        answer = await fetch(url, sent);
      }
    } catch {
      return { ok: false, status: 0, headers: new Headers(), body: { detail: 'The server did not answer. What you entered is still here: try again.' } };
    }
    if (answer.status === 401 && document.body.dataset.csrf) {
      const detail = 'You are not logged in any more. Log in in another window, then send this again: what you entered is still here.';
      return { ok: false, status: 401, headers: answer.headers, body: { detail } };
    }
    const text = await answer.text();
    let told = {};
    try { told = text ? JSON.parse(text) : {}; } catch { told = { detail: text.slice(0, 300) }; }
    return { ok: answer.ok, status: answer.status, headers: answer.headers, body: told };
  };

  const setTheme = (theme) => {
    root.dataset.bsTheme = theme;
    $('[data-theme-toggle]')?.setAttribute('aria-label', `Switch to ${theme === 'dark' ? 'light' : 'dark'} theme`);
    document.cookie = `igny8_theme=${theme};path=/;max-age=31536000;samesite=lax`;
  };
  if (!/(^|; )igny8_theme=/.test(document.cookie) && matchMedia('(prefers-color-scheme: dark)').matches) setTheme('dark');

  document.addEventListener('click', async (event) => {
    const on = (selector) => event.target.closest(selector);
    if (on('[data-theme-toggle]')) setTheme(root.dataset.bsTheme === 'dark' ? 'light' : 'dark');
    const opener = on('[data-open]');
    if (opener) {
      const dialog = document.getElementById(opener.dataset.open);
      fill($('form', dialog), opener.dataset.fill);
      dialog.openedBy = opener;
      dialog.showModal();
    }
    if (on('[data-log-out]')) {
      await window.ask('POST', '/api/v1/logout');
      location.assign('/login');
    }
    const act = on('[data-act]');
    if (act && (await agreed(act))) await perform(act);
  });

  // A group of the side bar that somebody opened stays so on the next pages (plan 4.4).
  const groups = [...document.querySelectorAll('.side-group')];
  const nameOf = (group) => group.querySelector('summary > span').textContent;
  const opened = () => JSON.parse(sessionStorage.getItem('igny8_groups') || '[]');
  groups.filter((group) => opened().includes(nameOf(group))).forEach((group) => { group.open = true; });
  groups.forEach((group) => group.querySelector('summary').addEventListener('click', () => {
    const others = opened().filter((name) => name !== nameOf(group));
    sessionStorage.setItem('igny8_groups', JSON.stringify(group.open ? others : [...others, nameOf(group)]));
  }));

  // One dialog for many rows: data-fill is what its fields say of this one, by name; without it they say nothing.
  const fill = (form, told) => {
    if (told || form?.dataset.filled) form.reset();
    if (!told) return;
    form.dataset.filled = 'yes';
    for (const [name, value] of Object.entries(JSON.parse(told))) {
      const field = form.elements[name];
      if (field?.type === 'checkbox') field.checked = Boolean(value);
      else if (field) field.value = value ?? '';
    }
  };

  // What cannot simply be done again is asked about first; the safe button has the focus.
  const agreed = (button) => {
    if (!button.dataset.confirm) return Promise.resolve(true);
    const dialog = document.createElement('dialog');
    dialog.innerHTML = '<form method="dialog"><h2 id="agree"></h2><p></p><div class="dlg-act"><button class="btn btn-ghost" value="no" autofocus>Leave it</button><button class="btn btn-danger" value="yes"></button></div></form>';
    dialog.setAttribute('aria-labelledby', 'agree');
    // The button says again what it does; whom or what it is about stands above.
    $('[value=yes]', dialog).textContent = button.dataset.yes || [...button.childNodes].filter((part) => part.nodeType === Node.TEXT_NODE).map((part) => part.data).join('').trim() || 'Do it';
    $('h2', dialog).textContent = button.dataset.confirm;
    $('p', dialog).textContent = button.dataset.confirmWhat || '';
    document.body.append(dialog);
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener('close', () => { dialog.remove(); resolve(dialog.returnValue === 'yes'); });
    });
  };

  // A button that does one thing: data-act="POST /api/v1/…", then the page is read again, or what data-tell names is told.
  const perform = async (button) => {
    const [method, url] = button.dataset.act.split(' ');
    button.disabled = true;
    const body = button.dataset.body ? JSON.parse(button.dataset.body) : undefined;
    const answer = await window.ask(method, url, body);
    button.disabled = false;
    if (!answer.ok) { window.refuse(answer.body.detail); return; }
    if (button.dataset.tell) { window.toast(String(answer.body[button.dataset.tell] ?? button.dataset.told)); return; }
    if (button.dataset.then) location.assign(button.dataset.then.replace('{run_id}', answer.body.run_id ?? ''));
    else window.readAgain(`[data-act="${button.dataset.act}"]${button.dataset.body ? `[data-body="${CSS.escape(button.dataset.body)}"]` : ''}`, '[data-act]', '', button);
  };

  // An error stands where it can be read again, not in a toast; in the dialog that is open, which would hide it.
  window.refuse = (text) => {
    const dialog = [...document.querySelectorAll('dialog[open]')].at(-1);
    let notice = $('#refused');
    if (notice && notice.closest('dialog') !== (dialog ?? null)) { notice.remove(); notice = null; }
    if (!notice) {
      notice = document.createElement('div');
      notice.id = 'refused';
      notice.className = 'notice notice-failed';
      notice.setAttribute('role', 'alert');
      notice.innerHTML = `<div class="notice-ic">${window.icon('alert')}</div><div class="notice-in"><h3>That was not done</h3><p></p></div>`;
      (dialog || $('.page') || $('main')).prepend(notice);
    }
    $('p', notice).textContent = text;
    notice.scrollIntoView({ block: 'nearest' });
  };

  window.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') document.querySelectorAll('.model').forEach((model) => model.classList.add('tip-closed'));
  });
  document.addEventListener('pointerover', (event) => {
    const model = event.target.closest?.('.model');
    if (model && !model.contains(event.relatedTarget)) model.classList.remove('tip-closed');
  });
  goOn();
})();
