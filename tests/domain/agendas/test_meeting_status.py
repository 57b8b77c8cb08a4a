import pytest

from bot.domain.agenda import CANCELLED, POSTPONED, RECESSED, RESCHEDULED
from bot.domain.agendas.meeting_status import meeting_status

SHAPES = {
    # real words of calendars
    "Council Chambers - CANCELLED": CANCELLED,
    "CANCELLED --em--PARK NO. 571": CANCELLED,
    "Cancelled": CANCELLED,
    "Canceled": CANCELLED,
    "***CANCELLED*** Commissioners Court - Mar 03 2026": CANCELLED,
    "CANCELED - City Council Regular Meeting": CANCELLED,
    "This meeting is cancelled.": CANCELLED,
    "This meeting has been CANCELLED": CANCELLED,
    "The December 25 meeting has been canceled for the holiday.": CANCELLED,
    "Meeting Cancelled": CANCELLED,
    "Meeting canceled": CANCELLED,
    "CANCELLED DUE TO LACK OF QUORUM": CANCELLED,
    "CANCELLED for lack of a quorum": CANCELLED,
    "Cancellation Notice": CANCELLED,
    "Notice of Cancellation": CANCELLED,
    "HTML Notice of Cancellation": CANCELLED,
    "NOTICE OF CANCELLATION": CANCELLED,
    "Meeting Cancellation": CANCELLED,
    "Planning Commission Cancellation Notice": CANCELLED,
    "City Council Regular Meeting- Cancelled": CANCELLED,
    "City Council Meeting (Cancelled)": CANCELLED,
    "Teleconference CANCELLED - Study Session": CANCELLED,
    "Board Meetings - NO MEETING - Dec 31 2024": CANCELLED,
    "NO MEETING": CANCELLED,
    "No Meeting Scheduled": CANCELLED,
    "Meeting adjourned for lack of quorum": CANCELLED,
    "Recess Notice": CANCELLED,
    "287(g) hearing - CANCELLED": CANCELLED,
    "Notice of Cancellation of the December 1 Regular Meeting": CANCELLED,
    "Cancellation of Meeting": CANCELLED,
    "Special Meeting on the 287(g) agreement - CANCELED": CANCELLED,
    "Special Meeting to discuss the 287(g) agreement has been canceled": CANCELLED,
    "Room 2. The meeting was cancelled.": CANCELLED,
    "MEETING NOT HELD": CANCELLED,
    "Regular Meeting: meeting was not held": CANCELLED,
    "Special meeting on the notice of cancellation from ICE": "",
    "Work session about ICE's cancellation notice": "",
    "Response to the Sheriff's notice of cancellation": "",
    "Postponed to Dec 8": POSTPONED,
    "Meeting postponed": POSTPONED,
    "Regular Meeting - POSTPONED": POSTPONED,
    "The hearing has been postponed until further notice": POSTPONED,
    "Notice of Postponement": POSTPONED,
    "Rescheduled to August 3": RESCHEDULED,
    "Regular Meeting (Rescheduled)": RESCHEDULED,
    "This meeting has been rescheduled to Dec. 8": RESCHEDULED,
    "Recessed to 1/18/2017 at 10:30 a.m.": RECESSED,
    "recessed to the call of the chair": RECESSED,
    "The meeting was recessed until Dec. 8": RECESSED,
    "Council Chambers -- City Hall -- Chicago, IllinoisCANCELLED": CANCELLED,
    "2026-08-04 Council Reschedule to 2026-08-03": RESCHEDULED,
    # the meeting takes place
    "RESCHEDULED-from April 22, 2013 to April 23, 2013": "",
    "May 5, 2020 Recessed Meeting/Budget Work Session Agenda": "",
    "Notice of Potential Quorum.": "",
    "The meeting may recess for up to one hour to restore order": "",
    "Special Meeting to consider cancellation of the 287(g) agreement": "",
    "to consider cancellation of the 287(g) agreement": "",
    "Notice of Special Meeting: Cancellation of 287(g) Memorandum of Agreement": "",
    "Public Hearing re: Cancellation of Contract No. 12": "",
    "Hearing on whether the agreement with ICE should be canceled": "",
    "Special Meeting: the 287(g) agreement was canceled by the sheriff": "",
    "Discussion of the canceled 287(g) agreement": "",
    "287(g) Agreement Cancellation": "",
    "Notice of Cancellation of Contract No. 12": "",
    "Special meeting, if the Oct 3 meeting is cancelled": "",
    "Will be held unless the hearing is canceled": "",
    "This meeting has NOT been cancelled": "",
    "Canceled Warrants Report": "",
    "Rescheduled from January 3, 2018": "",
    "Finance Committee Meeting rescheduled from Wednesday, July 4, 2018": "",
    "Special Meeting (rescheduled from Nov. 24)": "",
    "Postponed from November 3": "",
    "In place of the canceled Nov. 3 meeting": "",
    "Consider postponing the jail contract": "",
    "Motion to postpone the agreement": "",
    "Board of Commissioners": "",
    "Commission on Recess and Recreation": "",
    "There will be a short recess": "",
    "SPECIAL MEETING TO CONSIDER CANCELLATION OF THE ICE AGREEMENT": "",
    "Resolution: contract with ICE to be canceled": "",
    "Terminate or cancel the 287(g) program": "",
    "Meeting about no meeting policy": "",
    "": "",
}


@pytest.mark.parametrize(("words", "status"), SHAPES.items())
def test_words_give_a_status_only_if_they_speak_of_the_meeting(words, status):
    assert meeting_status(words) == status
    assert meeting_status("Courthouse, room 2", words) == status


def test_a_cancellation_outweighs_a_new_date():
    assert meeting_status("Meeting is canceled and rescheduled to Dec. 8") == CANCELLED
    assert meeting_status("Rescheduled to Dec. 8", "Notice of Cancellation") == CANCELLED
