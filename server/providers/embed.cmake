# Writes the text of each of RULES into OUTPUT, as builtin.cc wants it.
set(text "// Made from server/providers/rules.\n#pragma once\n\nnamespace token_service::providers {\n\n")
string(APPEND text "inline constexpr Builtin kBuiltin[] = {\n")
foreach(file IN LISTS RULES)
  get_filename_component(name ${file} NAME_WE)
  # Not as a list: a semicolon in the text stays one.
  file(READ ${file} rules)
  string(APPEND text "    {\"${name}\", R\"rules(${rules})rules\"},\n")
endforeach()
string(APPEND text "};\n\n}  // namespace token_service::providers\n")
file(WRITE ${OUTPUT} "${text}")
