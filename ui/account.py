"""The line above every page: signing in and out, and whether the store is read-only."""

from __future__ import annotations

import streamlit as st

from ui import permissions, session

__all__ = ["account_bar", "sign_in"]


def sign_in() -> bool:
    """Whether the visitor may see the pages. If users sign in and this one has not, the button to do so."""
    if not permissions.has_logins() or permissions.user() is not None:
        return True
    st.title("Sequence Lab", anchor=False)
    st.markdown("Sign in to see the runs of this server and to train your own.")
    st.button("Sign in", key="sign-in", type="primary", icon=":material/login:", on_click=st.login)
    return False


def account_bar() -> None:
    """Who is signed in, and that a store is read-only; nothing for a single user with a store of their own."""
    name, read_only = permissions.user(), session.store().read_only
    if name is None and not read_only:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="account"):
        if read_only:
            st.caption(
                f":material/lock: Read-only store ({session.escape(read_only)}): runs can be shown, used for "
                "predictions and exported, but nothing can be trained, uploaded or deleted."
            )
        if name is not None:
            st.space("stretch")
            st.caption(session.escape(name), width="content")
            st.button("Sign out", key="sign-out", type="tertiary", icon=":material/logout:", on_click=st.logout)
