"""A browser of one window around WebKitGTK that keeps what pages store, for WebKitWebDriver to drive.

Run by the distribution's own Python, which has GTK: ``python3 webkit_window.py DIRECTORY [FEATURE…]``.

What this file knows: WebKitGTK's own MiniBrowser is ephemeral under automation: it visits no page twice.

Rules this file keeps:

1. What is stored is in DIRECTORY; features of WebKit that ship switched off are switched on by name.
2. Nothing of this project is imported, and nothing that Python 3.11 does not have.
"""

import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")

from gi.repository import Gtk, WebKit2  # noqa: E402  # the versions come first


def main(directory: str, *features: str) -> None:
    """Show windows as the driver wants them, until it has had enough."""
    storage = WebKit2.WebsiteDataManager(
        base_data_directory=f"{directory}/data", base_cache_directory=f"{directory}/cache"
    )
    context = WebKit2.WebContext(website_data_manager=storage)
    context.set_automation_allowed(True)
    settings = WebKit2.Settings()
    known = WebKit2.Settings.get_all_features()
    for feature in map(known.get, range(known.get_length())):
        if feature.get_identifier() in features:
            settings.set_feature_enabled(feature, True)
    tabs = Gtk.Notebook()
    window = Gtk.Window()
    window.add(tabs)

    def begin(_: object, session: WebKit2.AutomationSession) -> None:
        about = WebKit2.ApplicationInfo()
        about.set_name("webkit-window")
        about.set_version(WebKit2.get_major_version(), WebKit2.get_minor_version(), WebKit2.get_micro_version())
        session.set_application_info(about)
        session.connect("create-web-view", another)
        session.connect("will-close", lambda _: Gtk.main_quit())

    def another(_: object) -> WebKit2.WebView:
        view = WebKit2.WebView(web_context=context, settings=settings, is_controlled_by_automation=True)
        view.connect("close", lambda closed: tabs.remove(closed))
        tabs.append_page(view, None)
        window.show_all()
        return view

    context.connect("automation-started", begin)
    Gtk.main()


if __name__ == "__main__":
    main(*sys.argv[1:])
