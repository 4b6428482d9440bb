/// Every experiment there is, in the order of the README; `none` runs when it is asked for.
let allExperiments: [Experiment] = [
    noFault, ordersKilled, inventoryKilled, gatewayCrash, notificationsKilled, salesKilled, relayLeaderKilled,
    paused, brokerKilled, kafkaWiped, postgresStopped, blackHoles, poison, rebalanceStorm, replay,
    raceStorm, overload,
]
