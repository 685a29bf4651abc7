"""The terminal below the app: Textual's, which after a SIGSTOP has a second reader of its keys, and never gives the terminal back."""

from textual.drivers.linux_driver import LinuxDriver


class SteadyDriver(LinuxDriver):
    """On SIGCONT Textual begins anew what it has ended on SIGTSTP. Of a SIGSTOP nobody is told, so nothing was ended then.

    Two threads would read the keys, of which the end waits for one alone; and what is put back at the end would be what we had set.
    """

    _resuming = False

    def _sigcont_application(self, *_: object) -> None:
        # A second signal interrupts the handler of the first.
        if self._resuming:
            return
        self._resuming = True
        try:
            self._resume()
        finally:
            self._resuming = False

    def _resume(self) -> None:
        if not self._must_signal_resume:
            if self._key_thread is None or not self._key_thread.is_alive():
                # Somebody else has the terminal, as a shell that was opened from here, or nobody yet.
                return
            # With it go the keys that were pressed while nothing moved: nobody saw what they would be about.
            self.suspend_application_mode()
            self._must_signal_resume = True
        super()._sigcont_application()
