// A run watched live: its stream sends what the page shows, which is laid over what is there.
(() => {
  const page = document.getElementById('run');
  if (page.dataset.live !== 'yes') return;
  const LATER = 5000;
  const say = (word, on) => {
    const mark = page.querySelector('[data-stream]');
    if (!mark) return;
    mark.dataset.live = on ? 'on' : 'off';
    mark.querySelector('[data-stream-word]').textContent = word;
  };
  let told = '';
  const tell = () => {
    const begun = [...page.querySelectorAll('.stage:not([data-status="pending"])')].at(-1);
    if (!begun) return;
    const last = `Stage ${begun.id.split('-')[1]} ${begun.querySelector('.st').textContent.trim().toLowerCase()}`;
    if (last !== told) { told = last; document.getElementById('say').textContent = last; }
  };
  const show = async (event) => {
    await window.htmx.swap({ sourceElement: page, target: page, swap: 'innerMorph', text: event.data });
    tell();
  };
  let stream = null;
  const listen = () => {
    stream = new EventSource(`/automation/runs/${page.dataset.run}/events`);
    stream.addEventListener('open', () => say('Live', true));
    stream.addEventListener('error', () => {
      say('Reconnecting', false);
      if (stream.readyState === EventSource.CLOSED) setTimeout(() => { if (!document.hidden) listen(); }, LATER);
    });
    stream.addEventListener('parts', show);
    stream.addEventListener('ended', (event) => { stream.close(); page.dataset.live = 'no'; show(event); });
  };
  listen();
  document.addEventListener('visibilitychange', () => {
    if (page.dataset.live !== 'yes') return;
    stream.close();
    if (!document.hidden) listen();
  });
})();
