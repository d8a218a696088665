"""The frame of every page: navigation, styles, and the selected run."""

import streamlit as st

from ui import warm_up

warm_up.current.wait_for_modules()  # before they are imported here, too

from seqcore.errors import SeqcoreError  # noqa: E402
from ui import account, fork_dialog, session, theme  # noqa: E402

st.set_page_config(page_title="Sequence Lab", page_icon=session.icon(), layout="wide")
st.logo(theme.wordmark(), size="medium")
page = st.navigation(
    [
        st.Page("train.py", title="Train", icon=":material/play_circle:", default=True),
        st.Page("data.py", title="Data", icon=":material/ssid_chart:"),
        st.Page("predict.py", title="Predict", icon=":material/insights:"),
        st.Page("inspect.py", title="Inspect", icon=":material/search_insights:"),
        st.Page("runs.py", title="Runs", icon=":material/table_rows:"),
        st.Page("compare.py", title="Compare", icon=":material/stacked_line_chart:"),
    ],
    position="top",
)
session.keep_link(page.url_path)
session.go()
try:
    if account.sign_in():
        session.scheduler()
        account.account_bar()
        page.run()
        fork_dialog.open_dialog()
except SeqcoreError as error:
    session.show_errors(error)
finally:
    warm_up.current.page_sent()
