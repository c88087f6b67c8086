"""``medusa-chat run``: prompts in, answers on stdout, figures on stderr. For pipes and scripts."""
