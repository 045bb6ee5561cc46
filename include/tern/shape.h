/* tern/shape.h - the old names of tern/schema.h, until every room uses the new ones. */
#ifndef TERN_SHAPE_H
#define TERN_SHAPE_H

#include "tern/schema.h"

#define shape                   schema
#define tern_shape              tern_schema
#define tern_shape_fault        tern_schema_fault
#define tern_shape_faults       tern_schema_faults
#define tern_shape_decode       tern_schema_decode
#define tern_shape_decode_event tern_schema_decode_event
#define tern_shape_check        tern_schema_check
#define tern_shape_encode       tern_schema_encode
#define tern_shape_fit_text     tern_schema_fit_text
#define TERN_SHAPE_MAX_FIELDS   TERN_SCHEMA_MAX_FIELDS
#define TERN_SHAPE_MAX_FAULTS   TERN_SCHEMA_MAX_FAULTS

#endif
