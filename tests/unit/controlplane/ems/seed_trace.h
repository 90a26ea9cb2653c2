/* SPDX-License-Identifier: BSD-3-Clause */

/* What went over the wire in the field's trace, byte for byte. */

#pragma once

static const char seed_vpn[] =
	"{\"result\": {\"retval\": 1, \"message\": \"FortiGate VPN connection details upd"
	"ated successfully\"}, \"data\": {\"rejected_uid_list\": []}}";

static const char seed_uid_tags[] =
	"{\"result\": {\"retval\": 1, \"message\": null}, \"data\": {\"uid_offset\": \"70"
	"A5C5FABBE64A9B98B6DDA3FE8AC794\", \"updated_after\": \"2024-07-11 17:57:41.47744"
	"66\", \"is_final\": true, \"data\": \"eJyrVirNTIkvSUyPz8ksLilWsqqurQUAUUEH2g==\""
	", \"is_zipped\": true, \"unzipped_size\": 20}}";

static const char seed_sysinfo[] =
	"{\"result\": {\"retval\": 1, \"message\": null}, \"data\": {\"uid_offset\": \"70"
	"A5C5FABBE64A9B98B6DDA3FE8AC794\", \"updated_after\": \"2024-07-11 17:57:52.35539"
	"44\", \"is_final\": true, \"data\": \"eJyFVNtu4zYQ/RVCT7uAZJAUqYuf6mubttmkTfYCFI"
	"FAi5SXgEyqFGXDG/jfO/StxrZpAQsWzxkORzPn8DXK8YTP+HIynS4yNimnZTHN5vNJulwUk1lesmj8Gv"
	"X7XpvGVkMnhVeV1xsVjSOKKUtwnhCCSD7m8KOjlPO0ZCyKo/Wuqq0xqvbamsrvO9iC46ixzuu61cr4Ss"
	"toTDABVHRd1et1tVUuGv9Bi7ig/AXg7Q1KYnyClLlAeUwzwJraXwF2jNoO7U1YGlPAQjE+Gns3qLBotY"
	"GKGtH2sNR95dRa9145Ja/on4NwwngI/BuD891gjDbrKwSHmaqvhfkHEwrrDbRqOXsuMMYFYdCzglHoj+"
	"4AJ3hEKDyjNAWoG1atrqsjQ3E+IpiOSFqMSAnkRtQAY5zgOqFlkpMkLROSA/NVOLkTTp2O+nQf3hOeIS"
	"ZRUyJcoDxFrEZcIpolXKFSoqxBQqIUo5ygFGJkSGN7b8RxsvPF0y/PD4/J04fpbz9jdiarjTBDI2o/uN"
	"DW80kxujP16BpipWqvXB4TIOpuAOTOeNW++/09+qKsCf+zx49owROaQRlbin5AdJThH3/6Fr5Vbazbw6"
	"aClBjWtj9NMrrXtbO9bTz6rI20ux4RjB6dbVTfg8xEixZSB8HFKGPJSnv0bjXoViLIw/j7U6qTFqPPdx"
	"+y8GlDr1x1/vD1YKWFAYJ8nR26C/zgvyqHFkZ2VhvfR0EGwgtXNTBt5ToHaBgOX5UlwzUmnFEu0pzXQj"
	"SCFrjMZFbylcpUKWSY/tkBtXJnhTBC5jOWkhlb4oJOwJHzokwzvFwuspxxPmUZSctiAnsbJcIIKrGFfd"
	"r0XrStkjdEs3uD2HbmLaZ/g9g13xOg6WNPK2PBvhkvQMtGagdOb/cXz984pllfTPD45dPHX5/vKcPBC0"
	"Hxa7hOdmJfQf+UA2mFZndwQwTZbKXdwNJZ628iv7MBXSVUJHl2EwGDgzuqBTOD9V9vjmhsuMv+q5z/K+"
	"MQR6fsp2SQ/V9c/LZRT3vP8jt1LDq8HF7OGrxUCO9bfazh4Sk6HA5/ATr0vWU=\", \"is_zipped\":"
	" true, \"unzipped_size\": 1444}}";

static const char seed_tags[] =
	"{\"result\":{\"retval\":1,\"message\":\"Returned FCT incremental tags information"
	"\"},\"data\":{\"tag_uid_offset\":\"9C8AF06C-8585-4572-ACDC-597E6AA1B6CD\",\"upd"
	"ated_after\":\"2024-07-11 17:57:41.4804469\",\"is_final\":true,\"data\":\"eJyqVk"
	"rOz81NzEuJL0stKs7Mz1OyMtJRKk4tykzMUbJScnMOcfUNtrAwMjYwMDUwMlTSUUpJLctMTo0vqSxIVb"
	"JSSssvKslMzS1WqgUEAAD//4xEGAI=\",\"is_zipped\":true,\"unzipped_size\":74}}";

static const char seed_vpn_body[] =
	"{\"sn_list\":[\"FPXVULTM24000083\"],\"uid_list\":[{\"uid\":\"70A5C5FABBE64A9B98B"
	"6DDA3FE8AC794\",\"ip\":\"10.212.134.200\",\"is_delete\":false,\"vdom\":\"root\","
	"\"interface\":\"port1\",\"sn\":\"FPXVULTM24000083\"}],\"is_snapshot\":false}";

static const char seed_query_tags[] =
	"sn_list[]=FPXVULTM24000083&updated_after=2024-07-11%2017%3A57%3A41%2E4804469&tag"
	"_uid_offset=9C8AF06C-8585-4572-ACDC-597E6AA1B6CD&send_mac=true";

static const char seed_query_uid_tags[] =
	"sn_list[]=FPXVULTM24000083&updated_after=2024-07-11%2017%3A57%3A41%2E4774466&uid"
	"_offset=70A5C5FABBE64A9B98B6DDA3FE8AC794";

static const char seed_query_sysinfo[] =
	"sn_list[]=FPXVULTM24000083&updated_after=2024-07-11%2017%3A57%3A41%2E4614463&uid"
	"_offset=70A5C5FABBE64A9B98B6DDA3FE8AC794";

static const char seed_ws_tags[] =
	"{\"message_type\":\"notification\",\"message_body\":{\"notify\": {\"tags\":{\"va"
	"lue\":true}}}}";

static const char seed_ws_sysinfo[] =
	"{\"message_type\":\"notification\",\"message_body\":{\"notify\": {\"sysinfo\":{\""
	"value\":true}}}}";

static const char seed_ws_avatar[] =
	"{\"message_type\":\"notification\",\"message_body\":{\"notify\": {\"avatar\":{\""
	"value\":true}}}}";
