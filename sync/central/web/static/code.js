// Another code after half of this one's time; a page that nobody looks at waits until somebody does.
"use strict";
const shown = document.querySelector("figure[data-next]");
const renew = () => {
  if (document.hidden) document.addEventListener("visibilitychange", renew, { once: true });
  else location.replace(shown.dataset.next);
};
setTimeout(renew, Number(shown.dataset.renewS) * 1000);
