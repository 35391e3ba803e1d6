// Three ways to move an article: drag it, press it then a slot, or Enter, arrows, Enter. The server decides; the page follows.
(() => {
  const page = document.getElementById('cal');
  const REFUSES = ['done', 'failed', 'budget', 'running'];
  const say = (text) => { document.getElementById('say').textContent = text; };
  const slots = () => [...page.querySelectorAll('.slot')].filter((slot) => slot.offsetParent && !REFUSES.includes(slot.querySelector('.chip')?.dataset.status) && !slot.closest('.past'));
  const title = (chip) => chip.querySelector('.chip-t b, .chip-t').textContent;
  const told = () => sessionStorage.getItem('calendar');
  let held = null;
  let ghost = null;
  let over = null;
  let target = null;
  let start = null;
  let dragged = false;

  // After a change the page is read again: what is shown is what is stored. The toast waits for it.
  const after = (text, undo, focus = '[data-undo]') => {
    sessionStorage.setItem('calendar', JSON.stringify({ text, undo }));
    window.readAgain(focus, '[data-drag]');
  };
  const undo = async (id) => {
    const answer = await window.ask('POST', `/api/v1/sites/${page.dataset.site}/calendar/undo`, id ? { undo_id: id } : {});
    if (!answer.ok) { window.refuse(answer.body.detail); return; }
    after(`Taken back: ${answer.body.action}.`);
  };
  const send = async (text, path, body) => {
    const answer = await window.ask('POST', `/api/v1/content/${path}`, body);
    if (!answer.ok) { window.refuse(answer.body.detail); return; }
    after(text, answer.body.undo_id, `[data-id="${path.split('/')[0]}"] [data-drag]`);
  };
  const move = (chip, slot) => {
    const id = chip.dataset.id;
    const other = slot.querySelector('.chip');
    if (slot === chip.closest('.slot')) return;
    if (other && !chip.closest('.slot')) { window.refuse('That slot is taken. Choose a free one.'); return; }
    if (other) send(`Swapped. “${title(chip)}” is on ${slot.dataset.slot}.`, `${id}/swap`, { other_id: Number(other.dataset.id) });
    else send(`Moved. “${title(chip)}” is on ${slot.dataset.slot}.`, `${id}/${chip.closest('.slot') ? 'move' : 'schedule'}`, { to: slot.dataset.at });
  };
  const unschedule = (chip) => {
    if (chip.closest('.slot')) send(`Taken off the calendar. “${title(chip)}” is held back until you schedule it.`, `${chip.dataset.id}/unschedule`);
  };
  const offOf = (part) => part?.closest?.('[data-off]');
  const clear = () => {
    ghost?.remove();
    held?.classList.remove('lifted');
    page.querySelectorAll('.over,.target,.can').forEach((part) => part.classList.remove('over', 'target', 'can'));
    page.classList.remove('picking');
    held = ghost = over = target = start = null;
  };
  const pick = (chip) => {
    held = chip;
    chip.classList.add('lifted');
    page.classList.add('picking');
    slots().forEach((slot) => slot.classList.add('can'));
    if (chip.closest('.slot')) page.querySelector('[data-off]')?.classList.add('can');
    target = chip.closest('.slot') || slots().find((slot) => !slot.querySelector('.chip'));
    target?.classList.add('target');
    window.toast(`Choose a slot for “${title(chip)}”.`);
  };

  // The slot of the day before or after that is as far down, or the last one there.
  const sideways = (from, step) => {
    const all = slots();
    const dayOf = (slot) => slot.dataset.at.slice(0, 10);
    const of = (day) => all.filter((slot) => dayOf(slot) === day);
    const days = [...new Set(all.map(dayOf))];
    const there = of(days[Math.max(0, Math.min(days.length - 1, days.indexOf(dayOf(from)) + step))]);
    return there[Math.min(of(dayOf(from)).indexOf(from), there.length - 1)];
  };

  page.addEventListener('pointerdown', (event) => {
    const main = event.target.closest('[data-drag]');
    if (!main || event.button !== 0 || event.pointerType !== 'mouse') return;
    dragged = false;
    start = { x: event.clientX, y: event.clientY, chip: main.closest('.chip') };
    main.setPointerCapture(event.pointerId);
  });
  page.addEventListener('pointermove', (event) => {
    if (!start) return;
    if (!ghost && Math.hypot(event.clientX - start.x, event.clientY - start.y) > 6) {
      held = start.chip;
      dragged = true;
      ghost = held.cloneNode(true);
      ghost.classList.add('ghost');
      document.body.append(ghost);
      held.classList.add('lifted');
    }
    if (!ghost) return;
    ghost.style.transform = `translate(${event.clientX - 20}px,${event.clientY - 14}px)`;
    const under = document.elementFromPoint(event.clientX, event.clientY);
    const slot = under?.closest('.slot') || offOf(under);
    if (slot !== over) {
      over?.classList.remove('over');
      over = slots().includes(slot) || offOf(slot) ? slot : null;
      over?.classList.add('over');
    }
  });
  page.addEventListener('pointerup', () => {
    if (!ghost) { start = null; return; }
    const [chip, slot] = [held, over];
    clear();
    if (offOf(slot)) unschedule(chip);
    else if (slot) move(chip, slot);
  });
  page.addEventListener('pointercancel', clear);
  page.addEventListener('click', (event) => {
    if (dragged) { dragged = false; return; }
    if (event.target.closest('[data-undo]')) { undo(); return; }
    const pin = event.target.closest('.chip-pin');
    const main = event.target.closest('[data-drag]');
    const slot = event.target.closest('.slot');
    if (pin) {
      const chip = pin.closest('.chip');
      const pinned = pin.getAttribute('aria-pressed') === 'true';
      send(pinned ? 'Unpinned. It may move when the schedule changes.' : 'Pinned. It stays in this slot when the schedule changes.', `${chip.dataset.id}/${pinned ? 'unpin' : 'pin'}`, pinned ? undefined : {});
      return;
    }
    if (held && slot && slots().includes(slot) && slot !== held.closest('.slot')) { const chip = held; clear(); move(chip, slot); return; }
    if (held?.closest('.slot') && offOf(event.target) && !main) { const chip = held; clear(); unschedule(chip); return; }
    if (main) { const same = held === main.closest('.chip'); clear(); if (!same) pick(main.closest('.chip')); }
  });
  page.addEventListener('keydown', (event) => {
    const main = event.target.closest('[data-drag]');
    if (!main) return;
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      if (!held) pick(main.closest('.chip'));
      else { const [chip, slot] = [held, target]; clear(); if (slot) move(chip, slot); }
    }
    if (event.key === 'Delete' || event.key === 'Backspace') { event.preventDefault(); const chip = main.closest('.chip'); clear(); unschedule(chip); }
    if (held && event.key.startsWith('Arrow')) {
      event.preventDefault();
      const all = slots();
      if (!all.length) { say('There is no slot to choose.'); return; }
      const step = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const aside = /Left|Right/.test(event.key);
      const next = !all.includes(target) ? all[0] : aside ? sideways(target, step) : all[Math.max(0, Math.min(all.length - 1, all.indexOf(target) + step))];
      target?.classList.remove('target');
      target = next;
      next.classList.add('target');
      next.scrollIntoView({ block: 'nearest' });
      say(next.dataset.slot);
    }
  });

  // Wherever the focus went meanwhile.
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && held) { clear(); say('It stays where it was.'); }
  });

  if (told()) {
    const { text, undo: id } = JSON.parse(told());
    sessionStorage.removeItem('calendar');
    window.toast(text, id ? () => undo(id) : undefined);
  }
})();
