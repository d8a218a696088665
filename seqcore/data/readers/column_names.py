"""Usual names of label, text, id, group and step columns, in several languages."""

from __future__ import annotations

__all__ = ["GROUP_NAMES", "ID_NAMES", "LABEL_NAMES", "STEP_NAMES", "TEXT_NAMES"]

_LABEL = """
    label labels class classes classlabel class_label class_name classname target_class category categories klasse
    klassen etikett etikette clase classe kategorie sentiment activity gesture emotion
"""
_TEXT = """
    text texts sentence sentences message messages review reviews tweet content body title sequence seq word
    document comment phrase satz nachricht texte
"""
_GROUP = """
    speaker subject person patient participant user group speaker_id subject_id person_id patient_id participant_id
    user_id subjectid speakerid sprecher proband
"""
_ID = """
    id name series sequence seq sample case key symbol ticker item store station sensor device unit city country
    region stock company product code group site location asset machine engine trial recording utterance file
    episode run unique_id series_id sequence_id sequenceid seq_id sample_id case_id item_id store_id sensor_id
    station_id unit_id device_id trial_id recording_id file_id series_name uid sid
"""
_STEP = """
    time t step steps timestep time_step time_idx timeidx time_index tick frame frame_id index idx n k pos position
    order seq_no cycle cycles second seconds ms dim_index
"""

LABEL_NAMES, TEXT_NAMES, GROUP_NAMES, ID_NAMES, STEP_NAMES = (
    frozenset(names.split()) for names in (_LABEL, _TEXT, _GROUP, _ID, _STEP)
)
