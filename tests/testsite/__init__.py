"""The Django project that the tests drive: two admin sites, Django's account views and one API endpoint."""
